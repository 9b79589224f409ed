import pytest
import torch
import torch.nn.functional as F
from facts import raises
from torch import nn

from mmmux.models import DS, IR, MUX
from mmmux.models.layers import BlockOptions, DepthwiseSeparable, Sampling, build_block
from mmmux.utils.errors import ConfigError

BN = dict(type='BN')


def built(row, channels, drop_path=0.):
    return build_block(row, channels, BlockOptions(BN, Sampling(getattr(row, 'stride', 1)), drop_path))


@pytest.mark.parametrize('scales', [None, (0, ), (-1, 0, 1)])
@pytest.mark.parametrize('kernel_size', [3, (3, 5, 7)])
@pytest.mark.parametrize('stride', [1, 2])
@pytest.mark.parametrize('kind', [DS, IR])
def test_every_row_gives_its_shape_and_a_gradient(kind, stride, kernel_size, scales):
    if scales == (0, ) and kernel_size != 3:
        scales = (0, 0, 0)
    block, channels = built(kind(16, kernel_size, stride, scales=scales), 12)
    x = torch.rand(2, 12, 9, 10, requires_grad=True)
    out = block(x)
    assert out.shape == (2, 16, -(-9 // stride), -(-10 // stride)) and channels == 16
    out.square().sum().backward()
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in block.parameters())
    assert (x.grad.abs().amax((0, 2, 3)) > 0).all()


@pytest.mark.parametrize('scales', [None, (-1, 0, 1)])
@pytest.mark.parametrize('kernel_size', [3, 5])
@pytest.mark.parametrize('split_ratio', [0.25, 0.5, 1.0])
def test_mux_keeps_the_shape_and_moves_every_channel(kernel_size, scales, split_ratio):
    block, channels = built(MUX(kernel_size, 6, scales=scales, split_ratio=split_ratio), 16)
    x = torch.rand(2, 16, 7, 9, requires_grad=True)
    out = block(x)
    assert out.shape == x.shape and channels == 16
    out.square().sum().backward()
    assert (x.grad.abs().amax((0, 2, 3)) > 0).all()


def test_mux_convolves_pairs_of_channels_but_spatial_multiplexing_is_depthwise():
    plain = built(MUX(5), 16)[0].block.conv
    assert plain.weight.shape == (48, 2, 5, 5)
    spatial = built(MUX(5, scales=(-1, 1)), 16)[0].block.conv
    assert [tuple(conv.weight.shape) for conv in spatial.convs] == [(96, 1, 5, 5), (6, 1, 5, 5)]


@pytest.mark.parametrize('kind', [DS, IR])
def test_scale_zero_is_the_plain_convolution(kind):
    plain, spatial = built(kind(12, 5), 12)[0].eval(), built(kind(12, 5, scales=(0, )), 12)[0].eval()
    spatial.load_state_dict({key.replace('conv.weight', 'conv.convs.0.weight'): value
                             for key, value in plain.state_dict().items()})
    x = torch.rand(1, 12, 9, 9)
    assert torch.equal(plain(x), spatial(x))


@pytest.mark.parametrize(('stride', 'out_channels', 'adds_identity'), [(1, 12, True), (1, 16, False), (2, 12, False)])
@pytest.mark.parametrize('kind', [DS, IR])
def test_identity_is_added_where_shapes_allow(kind, stride, out_channels, adds_identity):
    block, _ = built(kind(out_channels, stride=stride), 12)
    last_norm = block.norm2 if isinstance(block, DepthwiseSeparable) else block.norm3
    nn.init.zeros_(last_norm.weight)  # the residual branch then gives nothing
    x = torch.rand(1, 12, 8, 8)
    assert torch.equal(block(x), x if adds_identity else torch.zeros_like(block(x)))


def test_se_is_reduced_from_the_blocks_input_and_can_be_left_out():
    assert built(DS(24), 24)[0].se.reduce.out_channels == 6
    assert built(IR(40, expand_ratio=4), 24)[0].se.reduce.out_channels == 18
    assert built(MUX(), 24)[0].block.se.reduce.out_channels == 9
    assert built(DS(8, se_ratio=0.1), 4)[0].se.reduce.out_channels == 1
    assert not any('se.' in name for name, _ in built(IR(40, se_ratio=0), 24)[0].named_parameters())


def test_inverted_residual_is_the_composition_of_the_paper():
    block, _ = built(IR(12, 3, expand_ratio=2, act='ReLU'), 12)
    block.eval()
    for norm in (block.norm1, block.norm2, block.norm3):
        nn.init.uniform_(norm.running_mean, -0.5, 0.5)
        nn.init.uniform_(norm.running_var, 0.5, 1.5)

    def normalised(x, norm):
        return F.batch_norm(x, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=1e-5)

    x = torch.rand(2, 12, 6, 6)
    out = normalised(F.conv2d(x, block.expand.weight), block.norm1).relu()
    out = normalised(F.conv2d(out, block.conv.weight, padding=1, groups=24), block.norm2).relu()
    gate = F.conv2d(out.mean((2, 3), keepdim=True), block.se.reduce.weight, block.se.reduce.bias).relu()
    out = out * F.conv2d(gate, block.se.expand.weight, block.se.expand.bias).sigmoid()
    out = x + normalised(F.conv2d(out, block.project.weight), block.norm3)
    assert torch.allclose(block(x), out, atol=1e-6)


def test_drop_path_drops_whole_branches_in_training_only():
    block, _ = built(DS(12), 12, drop_path=0.5)
    nn.init.constant_(block.norm2.bias, 1.)
    nn.init.zeros_(block.norm2.weight)  # the branch is 1 everywhere, or 2 (rescaled) or 0 (dropped)
    x = torch.zeros(400, 12, 1, 1)
    out = block(x)[:, 0, 0, 0]
    assert set(out.tolist()) == {0., 2.}
    assert 120 < (out == 0).sum() < 280  # 8 standard deviations
    assert (block.eval()(x) == 1).all()


@pytest.mark.parametrize(('row', 'channels', 'facts'), [
    (MUX((3, 5)), 16, ['kernel_size (3, 5)', '2 channels per group']),
    (MUX(split_ratio=0.01), 16, ['split_ratio 0.01', '0 of 16']),
    (MUX(shuffle_groups=3), 16, ['16 channels', 'shuffle_groups 3']),
    (MUX(expand_ratio=3), 6, ['9 expanded channels', 2, 'expand_ratio']),
    (IR(16, expand_ratio=0.01), 16, ['expand_ratio 0.01', '16 channels', 'to 0']),
    (IR(16, (3, 5), scales=(0, 0, 0)), 16, ['kernel_size (3, 5)', 'scales (0, 0, 0)']),
    (DS(16, scales=(0, 0, 0, 1)), 20, ['scales (0, 0, 0, 1)', '20 channels', 'divisible by 4', 5]),
    (DS(16, (3, 5, 7)), 2, ['2 channels', '3 groups']),
])
def test_a_row_that_does_not_fit_its_input_is_named(row, channels, facts):
    with raises(ConfigError, row, f'input of {channels} channels', *facts):
        built(row, channels)
