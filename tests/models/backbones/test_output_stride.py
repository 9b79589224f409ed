"""The à-trous rule: a dilated network, sampled where the strided one computes, is the strided one."""
import dataclasses
import math

import pytest
import torch
from facts import raises
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from mmmux.models import ARCHITECTURES, DS, IR, MUX, Architecture, MUXNet
from mmmux.utils.errors import ConfigError

# Each kind of k x k convolution: plain, mixed from 3 to 11, spatially multiplexed (coarse, as it is, fine), both.
KXK = {
    'plain': dict(kernel_size=5),
    'mixed': dict(kernel_size=(3, 5, 7, 9, 11)),
    'spatial': dict(kernel_size=3, scales=(-1, 0, 1)),
    'spatial and mixed': dict(kernel_size=(5, 3), scales=(1, -1)),
}
GROUPED = {'grouped': dict(kernel_size=3), 'spatial': KXK['spatial']}  # the two kinds of MUX rows


def network_of(strided: dict, follower: dict, mux: dict) -> Architecture:
    """Two strided blocks at strides 16 and 32, each followed by every kind of block; DS and IR both stride once."""
    return Architecture(
        head_channels=8,
        stages=(
            (IR(12, 3, stride=2, expand_ratio=2), ),
            (IR(12, 3, stride=2, expand_ratio=2), ),
            (IR(24, stride=2, expand_ratio=4, **strided), MUX(expand_ratio=2, **mux), DS(24, **follower)),
            (DS(24, stride=2, **strided), IR(24, expand_ratio=2, **follower), MUX(expand_ratio=2, **mux)),
        ))


def without_se(arch: Architecture) -> Architecture:
    return dataclasses.replace(
        arch, stages=tuple(tuple(dataclasses.replace(row, se_ratio=0) for row in rows) for rows in arch.stages))


def pair(arch: Architecture, output_stride: int, out_index: int) -> tuple[MUXNet, MUXNet]:
    """The strided and the dilated network with the same weights, and with statistics away from their start."""
    strided = MUXNet(arch, out_indices=(out_index, ))
    for module in strided.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
            nn.init.uniform_(module.weight, 0.8, 1.6)
    dilated = MUXNet(arch, out_indices=(out_index, ), output_stride=output_stride)
    dilated.load_state_dict(strided.state_dict())  # same keys, same shapes
    return strided.eval(), dilated.eval()


def assert_sampled_equals(arch, output_stride, out_index, height, width):
    strided, dilated = pair(without_se(arch), output_stride, out_index)
    x = torch.randn(1, 3, height, width)
    with torch.no_grad():
        (expected, ), (dense, ) = strided(x), dilated(x)
    assert dense.shape[2:] == (math.ceil(height / output_stride), math.ceil(width / output_stride))
    step = 32 // output_stride
    # Borders included, because both networks pad with zeros.
    assert ((dense[..., ::step, ::step] - expected).abs() / expected.abs().max()).max() < 1e-5


@pytest.mark.parametrize('output_stride', [32, 16, 8])
@pytest.mark.parametrize('arch', ARCHITECTURES)
def test_the_family(arch, output_stride):
    assert_sampled_equals(ARCHITECTURES[arch], output_stride, 6, 171, 200)


@pytest.mark.parametrize('output_stride', [16, 8])
@pytest.mark.parametrize('mux', GROUPED)
@pytest.mark.parametrize('follower', KXK)
@pytest.mark.parametrize('strided', KXK)
def test_every_kind_of_row(strided, follower, mux, output_stride):
    assert_sampled_equals(network_of(KXK[strided], KXK[follower], GROUPED[mux]), output_stride, 3, 131, 160)


@given(height=st.integers(32, 260), width=st.integers(32, 260), output_stride=st.sampled_from([16, 8]))
@settings(max_examples=10, deadline=None)
def test_every_size(height, width, output_stride):
    assert_sampled_equals(network_of(KXK['mixed'], KXK['plain'], GROUPED['grouped']), output_stride, 3, height, width)


def test_weights_and_their_gradients_are_used_where_they_are_dilated():
    network = MUXNet(network_of(KXK['spatial'], KXK['mixed'], GROUPED['spatial']), out_indices=(3, ), output_stride=8)
    network(torch.rand(2, 3, 64, 64))[0].square().sum().backward()
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in network.parameters())


def test_outputs_before_the_dilation_are_the_strided_ones():
    strided, dilated = (MUXNet('m', out_indices=(0, 1, 2, 4), output_stride=stride) for stride in (None, 8))
    dilated.load_state_dict(strided.state_dict())
    x = torch.rand(1, 3, 64, 96)
    with torch.no_grad():
        features, dense = strided.eval()(x), dilated.eval()(x)
    assert all(torch.equal(a, b) for a, b in zip(features[:3], dense))
    assert features[3].shape[2:] == (4, 6) and dense[3].shape[2:] == (8, 12)


@pytest.mark.parametrize('output_stride', [4, 64, '8', 8.5, 0])
def test_other_output_strides_are_refused(output_stride):
    with raises(ConfigError, 'output_stride', 'MUXNet', '(8, 16, 32)', f'got {output_stride!r}'):
        MUXNet('m', output_stride=output_stride)
