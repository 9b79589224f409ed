"""A stem that was trained on three channels is adapted to others by the rule of timm's `adapt_input_conv`."""
import pytest
import torch
from facts import raises
from torch import nn

from mmmux.checkpoints.input_channels import adapted
from mmmux.models import DS, IR, Architecture, MUXNet
from mmmux.utils.errors import CheckpointError, ConfigError, DatasetError

SMALL = Architecture(head_channels=32, stages=((DS(16), ), (IR(24, stride=2, expand_ratio=2), )))
STEM = 'stem.0.weight'


@pytest.fixture
def trained():
    return MUXNet(SMALL, out_indices=(1, )).state_dict()


@pytest.fixture
def build(tmp_path):
    def start(state: dict, channels: int, **init_cfg) -> MUXNet:
        torch.save(dict(state_dict=state), tmp_path / 'weights.pth')
        return MUXNet(SMALL, out_indices=(1, ), in_channels=channels, init_cfg=dict(
            type='Pretrained', checkpoint=str(tmp_path / 'weights.pth'), **init_cfg))

    return start


@pytest.mark.parametrize('channels', range(1, 17))
def test_rule(channels):
    weight = torch.rand(5, 3, 3, 3)
    found = adapted(weight, channels)
    assert found.shape == (5, channels, 3, 3)
    for channel in range(channels):
        expected = weight.sum(1) if channels == 1 else weight[:, channel % 3] * 3 / channels
        assert torch.allclose(found[:, channel], expected)


@pytest.mark.parametrize('channels', [1, 3, 6, 12])
def test_equal_channels_give_the_features_of_three(channels):
    gray, weight = torch.rand(1, 1, 9, 9), torch.rand(5, 3, 3, 3)
    of_three = nn.functional.conv2d(gray.expand(-1, 3, -1, -1), weight)
    ours = nn.functional.conv2d(gray.expand(-1, channels, -1, -1), adapted(weight, channels))
    assert torch.allclose(ours, of_three, atol=1e-5)


@pytest.mark.parametrize('channels', [1, 4, 10])
def test_pretrained(build, trained, channels):
    network = build({'backbone.' + key: value for key, value in trained.items()}, channels, prefix='backbone.')
    parameter = network.stem[0].weight
    network.init_weights()
    state = network.state_dict()
    assert network.stem[0].weight is parameter and torch.equal(state[STEM], adapted(trained[STEM], channels))
    assert all(torch.equal(state[key], value) for key, value in trained.items() if key != STEM)
    assert network(torch.rand(1, channels, 64, 64))[0].shape == (1, 24, 16, 16)


def test_weights_of_the_same_number_are_loaded_as_they_are(build):
    trained = MUXNet(SMALL, out_indices=(1, ), in_channels=4).state_dict()
    network = build(trained, 4)
    network.init_weights()
    assert torch.equal(network.state_dict()[STEM], trained[STEM])


def test_other_numbers_do_not_fit(build):
    network = build(MUXNet(SMALL, out_indices=(1, ), in_channels=4).state_dict(), 5)
    with raises(CheckpointError, f"'{STEM}'"):
        network.init_weights()
    assert network.stem[0].weight.shape[1] == 5


def test_within_a_model_of_mmpretrain(build, trained, tmp_path):
    """mmengine refuses parameters that are replaced while a whole model is initialised."""
    pytest.importorskip('mmpretrain')
    from mmengine.registry import init_default_scope
    from mmpretrain.registry import MODELS
    init_default_scope('mmpretrain')
    build(trained, 4)
    model = MODELS.build(dict(type='ImageClassifier', backbone=dict(
        type='mmmux.MUXNet', arch=SMALL, out_indices=(1, ), in_channels=4,
        init_cfg=dict(type='Pretrained', checkpoint=str(tmp_path / 'weights.pth')))))
    model.init_weights()
    assert torch.equal(model.backbone.state_dict()[STEM], adapted(trained[STEM], 4))


@pytest.mark.parametrize('channels', [0, 2.5, None])
def test_not_a_number_of_channels(channels):
    with raises(ConfigError, 'in_channels', channels):
        MUXNet(SMALL, out_indices=(1, ), in_channels=channels)


def test_images_of_another_number():
    with raises(DatasetError, 'in_channels=4', 3, 'mmmux.LoadChannels'):
        MUXNet(SMALL, out_indices=(1, ), in_channels=4)(torch.rand(1, 3, 64, 64))
