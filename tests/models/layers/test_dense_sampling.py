import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from mmmux.models.layers.dense_sampling import DepthwiseConv, by_phases, shift_and_stitch

kernels, dilations, sides = st.sampled_from([1, 3, 5, 7, 11]), st.integers(1, 4), st.integers(1, 13)


@given(kernel=kernels, dilation=dilations, height=sides, width=sides)
@settings(max_examples=60, deadline=None)
def test_phases_are_dilation(kernel, dilation, height, width):
    x, weight = torch.rand(2, 6, height, width), torch.randn(9, 2, kernel, kernel)
    half = kernel // 2
    dilated = F.conv2d(x, weight, padding=half * dilation, dilation=dilation, groups=3)
    by_phase = by_phases(lambda phase: F.conv2d(phase, weight, padding=half, groups=3), x, dilation)
    torch.testing.assert_close(by_phase, dilated)


@given(kernel=kernels, dilation=dilations, stride=st.sampled_from([1, 2]), height=sides, width=sides)
@settings(max_examples=60, deadline=None)
def test_depthwise_conv_is_torchs_in_training_and_inference(kernel, dilation, stride, height, width):
    dilation = 1 if stride == 2 else dilation
    conv = DepthwiseConv(5, kernel, stride, dilation)
    plain = torch.nn.Conv2d(5, 5, kernel, stride, kernel // 2 * dilation, dilation, 5, bias=False)
    plain.load_state_dict(conv.state_dict())
    x = torch.randn(2, 5, height, width, requires_grad=True)
    y = x.detach().clone().requires_grad_()
    out, expected = conv(x), plain(y)
    torch.testing.assert_close(out, expected)
    with torch.no_grad():
        torch.testing.assert_close(conv(x), expected)
    gradient = torch.randn_like(out)
    out.backward(gradient)
    expected.backward(gradient)
    torch.testing.assert_close(x.grad, y.grad)
    torch.testing.assert_close(conv.weight.grad, plain.weight.grad, rtol=1e-4, atol=1e-5)


@given(height=sides, width=sides)
@settings(max_examples=30, deadline=None)
def test_stitched_shifts_hold_the_strided_outputs_and_those_between(height, width):
    x, weight = torch.rand(2, 4, height, width), torch.randn(3, 4, 3, 3)
    stitched = shift_and_stitch(lambda shifted: F.conv2d(shifted, weight, stride=2, padding=1), x)
    dense = F.conv2d(x, weight, padding=1)
    assert stitched.shape == dense.shape
    torch.testing.assert_close(stitched[..., ::2, ::2], dense[..., ::2, ::2])
    torch.testing.assert_close(stitched[..., 2:, 2:], dense[..., 2:, 2:])  # a shifted picture begins one pixel later


@pytest.mark.parametrize('dilation', [1, 2, 4])
def test_traced_layer_is_one_dilated_convolution(dilation):
    conv = DepthwiseConv(3, 5, dilation=dilation)
    x = torch.rand(1, 3, 9, 9)
    traced = torch.jit.trace(conv, x)
    assert sum(node.kind() == 'aten::_convolution' for node in traced.inlined_graph.nodes()) == 1
    assert not any(node.kind() in ('aten::permute', 'aten::pad') for node in traced.inlined_graph.nodes())
    torch.testing.assert_close(traced(x), conv(x))
