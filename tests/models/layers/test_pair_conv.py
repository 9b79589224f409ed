import pytest
import torch
from torch import nn

from mmmux.models.layers.export_mode import export_mode
from mmmux.models.layers.pair_conv import PairConv, in_wider_groups

GEOMETRIES = [(6, 3, 1, 1), (24, 3, 1, 1), (12, 5, 1, 2), (10, 5, 1, 1), (8, 3, 2, 1), (8, 5, 1, 2), (4, 7, 1, 4), (2, 1, 1, 1)]


@pytest.mark.parametrize('size', [(12, 16), (9, 13)])
@pytest.mark.parametrize('memory_format', [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize('channels, kernel_size, stride, dilation', GEOMETRIES)
def test_it_is_the_grouped_convolution_of_torch(channels, kernel_size, stride, dilation, memory_format, size):
    ours = PairConv(channels, kernel_size, stride, dilation).double().to(memory_format=memory_format)
    plain = nn.Conv2d(channels, channels, kernel_size, stride, (kernel_size - 1) // 2 * dilation, dilation, channels // 2,
                      bias=False).double()
    assert {key: value.shape for key, value in ours.state_dict().items()} == {'weight': plain.weight.shape}
    plain.load_state_dict(ours.state_dict())
    x = torch.randn(2, channels, *size, dtype=torch.double)
    inputs = [x.clone().to(memory_format=memory_format).requires_grad_(), x.clone().requires_grad_()]
    outputs = [conv(value) for conv, value in zip((ours, plain), inputs)]
    torch.testing.assert_close(outputs[0], outputs[1], check_stride=False)
    towards = torch.randn_like(outputs[1])
    for output in outputs:
        output.backward(towards)
    torch.testing.assert_close(inputs[0].grad, inputs[1].grad, check_stride=False)
    torch.testing.assert_close(ours.weight.grad, plain.weight.grad, check_stride=False)


@pytest.mark.parametrize('channels, width', [(24, 8), (12, 4), (10, 2)])
def test_groups_are_as_wide_as_divides_the_channels(channels, width):
    assert in_wider_groups(torch.rand(channels, 2, 3, 5)).shape == (channels, width, 3, 5)


def test_an_exported_graph_has_the_published_convolution():
    if not hasattr(torch.compiler, 'is_exporting'):
        pytest.skip('in this torch, a network cannot find out that it is exported')
    conv = PairConv(6, 3)
    program = torch.export.export(conv, (torch.randn(1, 6, 8, 8), ))
    assert [node.args[6] for node in program.graph.nodes if node.target is torch.ops.aten.conv2d.default] == [3]


def test_torch_alone_is_the_same():
    conv = PairConv(6, 3, dilation=2)
    x = torch.randn(1, 6, 11, 11)
    with export_mode():
        expected = conv(x)
    torch.testing.assert_close(conv(x), expected)
