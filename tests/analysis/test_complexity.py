import pytest
import torch
from facts import raises
from mmengine.config import Config
from torch import nn

from mmmux.analysis import complexity
from mmmux.models import MUXNet
from mmmux.utils.errors import ConfigError


def brute_force(model: nn.Module, height: int, width: int) -> int:
    """Count one multiply-add for each output value of a convolution or linear layer and each weight of that value."""
    total = 0

    def add(module, inputs, output):
        nonlocal total
        total += output.numel() // output.shape[1] * module.weight.numel()

    handles = [module.register_forward_hook(add) for module in model.modules() if isinstance(module, (nn.Conv2d, nn.Linear))]
    with torch.no_grad():
        model(torch.zeros(1, 3, height, width))
    for handle in handles:
        handle.remove()
    return total


class Toy(nn.Module):
    """A part with a grouped and a strided convolution, a linear part, and a part that never runs."""

    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.BatchNorm2d(8), nn.Conv2d(8, 16, 3, groups=4))
        self.classifier = nn.Linear(16, 5)
        self.only_in_training = nn.Conv2d(16, 2, 1)

    def forward(self, x):
        return self.classifier(self.trunk(x).mean((2, 3)))


def test_by_hand():
    # 64 x 48 -> 32 x 24 (8 of 3 * 9) -> 30 x 22 (16 of 2 * 9) -> 5 of 16.
    parts = complexity.count(Toy(), 64, 48)
    trunk = 32 * 24 * 8 * 27 + 30 * 22 * 16 * 18
    assert {name: part.macs for name, part in parts.items()} == {
        'trunk': trunk, 'classifier': 80, 'only_in_training': 0, 'total': trunk + 80}
    assert {name: part.params for name, part in parts.items()} == {
        'trunk': 8 * 27 + 8 + 16 + 16 * 18 + 16, 'classifier': 85, 'only_in_training': 34, 'total': 663}


def test_counting_leaves_the_model_as_it_was():
    model = Toy()
    first = complexity.count(model, 64, 48)
    assert complexity.count(model, 64, 48) == first
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


@pytest.mark.slow
@pytest.mark.parametrize('height,width', [(450, 450), (70, 60)])
def test_dilated_network_costs_what_its_convolutions_do_without_padding_for_phases(height, width):
    model = MUXNet('m', out_indices=(6, ), output_stride=8).eval()
    positions = []
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(lambda *args: positions.append(tuple(args[2].shape[2:])))
    by_hand = brute_force(model, height, width)
    sides = [tuple(-(-side // stride) for side in (height, width)) for stride in (2, 4, 8)]
    assert set(positions) == {*sides, (1, 1)} and sides[2][0] % 2  # an odd height, which phases would pad
    assert complexity.count(model, height, width)['total'].macs == by_hand


@pytest.mark.parametrize('test,train,shape', [
    (dict(type='Resize', scale=64), dict(type='RandomCrop', crop_size=32), (64, 64)),
    (dict(type='Resize', scale=(96, 64), keep_ratio=False), dict(type='RandomCrop', crop_size=32), (64, 96)),
    (dict(type='Resize', scale=(64, 48), keep_ratio=True), dict(type='RandomCrop', crop_size=32), (32, 32)),
    (dict(type='ResizeShortestEdge', scale=64), dict(type='RandomCrop', crop_size=(32, 48)), (32, 48)),
    (dict(type='ResizeShortestEdge', scale=64, max_size=99), dict(type='RandomFlip'), (64, 64)),
    (dict(type='ResizeShortestEdge', scale=(96, 64)), dict(type='RandomFlip'), (64, 64)),
])
def test_input_shape_by_the_pipelines(test, train, shape):
    train = dict(type='RepeatDataset', times=2, dataset=dict(pipeline=[train]))
    loaders = dict(test_dataloader=dict(dataset=dict(pipeline=[test])), train_dataloader=dict(dataset=train))
    assert complexity.input_shape(Config(loaders)) == shape


@pytest.mark.parametrize('name,size', [
    ('muxnet-m_1xb32-200e_voc0712-320', (320, 320)), ('muxnet-m_1xb32-200e_voc0712-320', (321, 203)),
    ('muxnet-l_1xb32-200e_voc0712-320', (320, 320)), ('mobilenetv2_1xb8-40e_bccd-320', (320, 320)),
])
def test_equals_brute_force_and_parts_add_up(detector, name, size):
    model = detector(name)
    parts = complexity.count(model, *size)
    total = parts.pop('total')
    assert total.macs == brute_force(model, *size)
    assert set(parts) == {'backbone', 'neck', 'bbox_head'}
    assert sum(part.macs for part in parts.values()) == total.macs
    assert sum(part.params for part in parts.values()) == total.params == sum(value.numel() for value in model.parameters())
    assert all(part.macs > 1e6 for part in parts.values())


def test_the_papers_detectors(config):
    """The paper's table of detectors: MUXNet-m 3.2 M and 0.5 B, MobileNetV2 3.3 M and 0.7 B."""
    ours, baseline = (complexity.model_complexity(config(f'{name}_1xb32-200e_voc0712-320'), 320, 320)['total']
                      for name in ('muxnet-m', 'mobilenetv2'))
    assert (ours.params, ours.macs) == (3_168_704, 509_492_224)
    assert baseline.params == 3_316_548
    assert (round(ours.params / 1e6, 1), round(ours.macs / 1e9, 1)) == (3.2, 0.5)
    assert (round(baseline.params / 1e6, 1), round(baseline.macs / 1e9, 1), round(baseline.macs / 1e9, 2)) == (3.3, 0.7, 0.68)


@pytest.mark.parametrize('pipeline', [
    [dict(type='LoadImageFromFile')],
    [dict(type='Resize', scale=(1333, 800), keep_ratio=True)],
    [dict(type='Resize', scale_factor=2)],
])
def test_shape_that_is_not_fixed(pipeline):
    cfg = Config(dict(test_dataloader=dict(dataset=dict(pipeline=pipeline))))
    for without in (cfg, Config(dict(model=dict()))):
        with raises(ConfigError, 'test_dataloader', 'Resize', 'RandomCrop', '--shape HEIGHT WIDTH'):
            complexity.input_shape(without)
