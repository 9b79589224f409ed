import copy

import pytest
import torch
from facts import raises
from mmengine.registry import MODELS, DefaultScope
from torch import nn

from mmmux.models import DS, IR, MUX, Architecture
from mmmux.models.backbones import without_early_strides
from mmmux.utils.errors import ConfigError

# Strides of 2 in the stem, a mixed convolution, a plain one and a spatially multiplexed one.
SMALL = Architecture(
    stem_channels=8, head_channels=8,
    stages=((DS(8), ), (IR(8, (3, 5, 7), stride=2, expand_ratio=3), MUX(expand_ratio=2)), (IR(8, 3, stride=2), ),
            (IR(8, 5, stride=2, scales=(-1, 0)), )))


def muxnet(arch='m', **options) -> dict:
    return dict(type='mmmux.MUXNet', arch=arch, out_indices=(6, ), **options)


def plain(backbone: dict) -> nn.Module:
    return MODELS.build(copy.deepcopy(backbone))


def height_after(network: nn.Module, size: int = 64) -> int:
    network.eval()
    with torch.no_grad():
        return network(torch.rand(1, 3, size, size))[-1].shape[2]


@pytest.mark.parametrize('arch', ['xs', 'm'])
@pytest.mark.parametrize(('removed', 'stride'), [(0, 32), (1, 16), (2, 8), (3, 4), (4, 2), (5, 1)])
def test_features_are_twice_as_large_for_each_stride(arch, removed, stride):
    """Five strides, the last three of mixed kernels, which count as one."""
    network = without_early_strides(muxnet(arch), removed)
    assert height_after(network) == 64 // stride


def test_strides_are_removed_from_the_input_on():
    """With the first two gone, the third stage is where the first was."""
    whole, changed = plain(muxnet()), without_early_strides(muxnet(), 2)
    for network in (whole, changed):
        network.out_indices = range(7)
    with torch.no_grad():
        sizes = [[feature.shape[2] for feature in network.eval()(torch.rand(1, 3, 64, 64))] for network in (whole, changed)]
    assert sizes == [[32, 16, 8, 4, 4, 2, 2], [64, 64, 32, 16, 16, 8, 8]]


def test_one_stride_is_removed_unless_said():
    assert height_after(without_early_strides(muxnet())) == 4


@pytest.mark.parametrize('removed', [0, 1, 2, 3, 4])
def test_kernels_side_by_side_count_as_one(removed):
    """Mixed kernels in the second place, spatial multiplexing in the fourth."""
    network = without_early_strides(dict(type='mmmux.MUXNet', arch=SMALL, out_indices=(3, )), removed)
    assert height_after(network) == 64 // 2**(4 - removed)


def test_weights_and_their_names_are_the_plain_networks():
    backbone = muxnet()
    whole, changed = plain(backbone), without_early_strides(copy.deepcopy(backbone), 2)
    assert type(changed) is type(whole)
    assert [(name, value.shape) for name, value in changed.state_dict().items()] == [
        (name, value.shape) for name, value in whole.state_dict().items()]
    changed.load_state_dict(whole.state_dict())  # strict


def test_removed_stride_computes_what_the_strided_network_skips():
    """Every other output of the first convolution is the plain network's."""
    whole, changed = plain(muxnet()).eval(), without_early_strides(muxnet(), 1).eval()
    changed.load_state_dict(whole.state_dict())
    x = torch.rand(1, 3, 48, 48)
    with torch.no_grad():
        assert torch.allclose(changed.stem(x)[..., ::2, ::2], whole.stem(x), atol=1e-6)


def test_the_config_of_the_backbone_is_left_as_it_is_and_takes_further_options():
    backbone = muxnet()
    before = copy.deepcopy(backbone)
    network = without_early_strides(backbone, 1, out_indices=(2, 4), norm_eval=True)
    assert backbone == before
    assert network.out_channels == (40, 112) and network.norm_eval


@pytest.mark.parametrize('removed', [6, -1, 1.0, '1', None, True, False, [1]])
def test_a_wrong_number_of_strides_is_refused(removed):
    with raises(ConfigError, 'removed', 'WithoutEarlyStrides', '0 to 5', 'mmmux.MUXNet', f'got {removed!r}'):
        without_early_strides(muxnet(), removed)


@pytest.mark.parametrize('backbone', [
    dict(type='MobileNetV2'), dict(type='MobileNetV3', arch='small'), dict(type='MobileNetV3', arch='large'), muxnet('s')],
    ids=['MobileNetV2', 'MobileNetV3-small', 'MobileNetV3-large', 'MUXNet-s'])
class TestInMMPretrain:
    """Networks that are compared under the same change."""

    @pytest.fixture(autouse=True)
    def _scope(self):
        pytest.importorskip('mmpretrain')
        with DefaultScope.overwrite_default_scope('mmpretrain'):
            yield

    @pytest.mark.parametrize('removed', range(6))
    def test_features_are_twice_as_large_for_each_stride(self, backbone, removed):
        assert height_after(without_early_strides(copy.deepcopy(backbone), removed)) == 2 * 2**removed

    def test_weights_and_their_names_are_the_plain_networks(self, backbone):
        whole, changed = plain(backbone), without_early_strides(copy.deepcopy(backbone), 3)
        assert list(changed.state_dict()) == list(whole.state_dict())
        changed.load_state_dict(whole.state_dict())

    def test_has_five_strides(self, backbone):
        with raises(ConfigError, 'removed', '0 to 5', backbone['type'], 'got 6'):
            without_early_strides(copy.deepcopy(backbone), 6)
