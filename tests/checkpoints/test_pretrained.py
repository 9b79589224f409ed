import copy

import pytest
import torch
from facts import raises

from mmmux.models import DS, IR, MUX, Architecture, MUXNet
from mmmux.utils.errors import CheckpointError

SMALL = Architecture(head_channels=32, stages=((DS(16), ), (IR(24, stride=2, expand_ratio=2), MUX(3)), (IR(16), )))
OTHER = Architecture(head_channels=32, stages=((DS(16), ), (IR(24, stride=2, expand_ratio=4), MUX(3)), (IR(16), )))


@pytest.fixture
def weights():
    return MUXNet(SMALL, out_indices=(3, )).state_dict()


@pytest.fixture
def load(tmp_path):
    """Start a network from a file that holds this; give back the network and the file's name."""
    def start(content, arch=SMALL, out_indices=(1, ), **init_cfg):
        file = str(tmp_path / 'weights.pth')
        torch.save(content, file)
        network = MUXNet(arch, out_indices=out_indices, init_cfg=dict(type='Pretrained', checkpoint=file, **init_cfg))
        network.init_weights()
        return network

    return start


def fits(network, weights):
    return all(torch.equal(value, weights[key]) for key, value in network.state_dict().items())


def prefixed(prefix, weights):
    return {prefix + key: value for key, value in weights.items()}


@pytest.mark.parametrize('content', [
    lambda weights: weights,
    lambda weights: dict(state_dict=weights, meta=dict(epoch=1)),
    lambda weights: dict(weights, **{'classifier.weight': torch.zeros(10, 32)}),
    lambda weights: prefixed('module.', weights),
], ids=['bare', 'state_dict', 'classifier', 'module'])
def test_deeper_stages_and_a_classifier_are_fine(load, weights, content):
    assert fits(load(content(weights)), weights)


@pytest.mark.parametrize('prefix', ['backbone.', 'backbone'])
def test_the_backbone_of_a_whole_detector(load, weights, prefix):
    detector = dict(state_dict=dict(prefixed('backbone.', weights), **{'bbox_head.weight': torch.zeros(1)}))
    assert fits(load(detector, prefix=prefix), weights)


@pytest.mark.parametrize(('content', 'options', 'parts'), [
    (lambda weights: prefixed('backbone.', weights), {}, ["prefix='backbone.'", 'init_cfg']),
    (lambda weights: weights, dict(arch=OTHER), ["'stages.1.0.expand.weight'", '32x16x1x1', '64x16x1x1']),
    (lambda weights: {key: value for key, value in weights.items() if not key.startswith('stages.1.1.block.conv.')}, {},
     ['1 of 57', "'stages.1.1.block.conv.weight'"]),
    (lambda weights: {'conv1.weight': torch.zeros(3)}, {}, ["'conv1.weight'", "'stem.0.weight'"]),
    (lambda weights: weights, dict(prefix='backbone.'), ["'backbone.'", 'init_cfg.prefix', "'stem.0.weight'"]),
    (lambda weights: prefixed('module.backbone.', weights), dict(prefix='backbone.'),
     ["'backbone.'", "'module.backbone.stem.0.weight'"]),
    (lambda weights: dict(weights, **{'stem.0.weight': 'a name'}), {}, ["'stem.0.weight'", 'str']),
    (lambda weights: {0: torch.zeros(1)}, {}, ['state_dict']),
    (lambda weights: dict(meta=1), {}, ['state_dict']),
    (lambda weights: [1], {}, ['state_dict']),
], ids=['whole detector', 'another arch', 'missing', 'another model', 'wrong prefix', 'module before prefix', 'not a tensor',
        'keys that are no names', 'no weights', 'a list'])
def test_a_file_of_another_model_is_refused(load, weights, content, options, parts):
    with raises(CheckpointError, 'weights.pth', *parts):
        load(content(weights), **options)


def test_a_list_of_init_cfgs_is_checked_too(tmp_path):
    file = str(tmp_path / 'weights.pth')
    torch.save({'conv1.weight': torch.zeros(3)}, file)
    network = MUXNet(SMALL, out_indices=(1, ), init_cfg=[dict(type='Constant', layer='Conv2d', val=1),
                                                         dict(type='Pretrained', checkpoint=file)])
    with raises(CheckpointError, file, "'conv1.weight'"):
        network.init_weights()


def test_a_refused_file_leaves_the_network_as_it_was(tmp_path, weights):
    file = str(tmp_path / 'weights.pth')
    torch.save({key: value + 1 if isinstance(value, torch.Tensor) else value for key, value in weights.items()
                if not key.startswith('stages.1')}, file)
    network = MUXNet(SMALL, out_indices=(1, ), init_cfg=dict(type='Pretrained', checkpoint=file))
    before = copy.deepcopy(network.state_dict())
    with pytest.raises(CheckpointError):
        network.init_weights()
    assert fits(network, before)
