import pytest
import torch
from facts import raises

from mmmux.utils.errors import ConfigError

pytest.importorskip('mmdet')

from mmmux.models.data_preprocessors import DetDataPreprocessor


@pytest.mark.parametrize('channels', [1, 2, 3, 4, 10, 16])
def test_every_channel_has_its_mean_and_deviation(channels):
    mean, std = [10. * number for number in range(channels)], [number + 1. for number in range(channels)]
    image = torch.randint(0, 256, (channels, 8, 8), dtype=torch.uint8)
    inputs = DetDataPreprocessor(mean=mean, std=std)(dict(inputs=[image]))['inputs']
    for number in range(channels):
        assert torch.allclose(inputs[0, number], (image[number] - mean[number]) / std[number])


def test_three_channels_are_mmdets():
    from mmdet.models import DetDataPreprocessor as Theirs
    arguments = dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], bgr_to_rgb=True, pad_size_divisor=32)
    image = torch.randint(0, 256, (3, 40, 50), dtype=torch.uint8)
    ours, theirs = (kind(**arguments)(dict(inputs=[image]))['inputs'] for kind in (DetDataPreprocessor, Theirs))
    assert torch.equal(ours, theirs) and DetDataPreprocessor(**arguments).state_dict() == Theirs(**arguments).state_dict()


@pytest.mark.parametrize(('arguments', 'facts'), [
    (dict(mean=[1.] * 4, std=[1.] * 3), ('mean', 'std')), (dict(mean=[1.] * 4), ('mean', 'std')),
    (dict(mean=[1.] * 4, std=[1., 1., 1., 0.]), ('std', )),
    (dict(mean=[1.] * 4, std=[1.] * 4, bgr_to_rgb=True), (4, 'bgr_to_rgb'))])
def test_refused(arguments, facts):
    with raises(ConfigError, 'model.data_preprocessor', *facts):
        DetDataPreprocessor(**arguments)
