import pytest
import torch
import torch.nn.functional as F
from facts import raises

from mmmux.models.layers import MixedConv


@pytest.mark.parametrize('stride', [1, 2])
@pytest.mark.parametrize(('channels', 'kernels', 'shares'), [
    (9, (3, 5, 7), (3, 3, 3)),
    (11, (3, 5, 7), (5, 3, 3)),  # the first group takes the remainder
    (4, (5, ), (4, )),
])
def test_equals_one_depthwise_convolution_with_padded_kernels(channels, kernels, shares, stride):
    layer = MixedConv(channels, kernels, stride)
    largest = max(kernels)
    padded = []
    for conv, kernel, share in zip(layer.convs, kernels, shares):
        assert conv.weight.shape == (share, 1, kernel, kernel)
        padded.append(F.pad(conv.weight, [(largest - kernel) // 2] * 4))
    x = torch.rand(2, channels, 9, 12)
    expected = F.conv2d(x, torch.cat(padded), stride=stride, padding=largest // 2, groups=channels)
    assert torch.allclose(layer(x), expected, atol=1e-6)


def test_more_kernels_than_channels_are_refused():
    with raises(ValueError, '2 channels', '3 groups'):
        MixedConv(2, (3, 5, 7))
