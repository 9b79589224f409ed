import math

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from mmmux.models.layers import SqueezeExcite


def test_gates_follow_from_the_means_of_the_channels():
    layer = SqueezeExcite(6, 2, nn.ReLU())
    for parameter in layer.parameters():
        nn.init.normal_(parameter)
    x = torch.rand(3, 6, 4, 5)
    means = x.flatten(2).sum(2) / 20
    hidden = (means @ layer.reduce.weight[:, :, 0, 0].T + layer.reduce.bias).clamp(min=0)
    gates = 1 / (1 + (-(hidden @ layer.expand.weight[:, :, 0, 0].T + layer.expand.bias)).exp())
    assert torch.allclose(layer(x), x * gates[:, :, None, None], atol=1e-6)


def test_gradients_are_those_of_the_definition():
    layer = SqueezeExcite(6, 2, nn.SiLU()).double()
    assert torch.autograd.gradcheck(layer, torch.randn(2, 6, 3, 4, dtype=torch.float64, requires_grad=True))


@pytest.mark.parametrize('training', [True, False])
def test_means_in_half_precision_do_not_overflow(training):
    layer = SqueezeExcite(2, 2, nn.ReLU()).half()
    layer.reduce = layer.expand = nn.Identity()  # not every torch can convolve half-precision tensors on a CPU
    x = torch.full((1, 2, 256, 256), 2., dtype=torch.float16, requires_grad=training)  # each sum is 131072, above 65504
    torch.testing.assert_close(layer(x), torch.full_like(x, 2 / (1 + math.exp(-2))), rtol=2e-3, atol=0)


def test_the_gradient_of_the_mean_is_not_written_out_for_each_pixel():
    layer, x = SqueezeExcite(4, 2, nn.SiLU()), torch.rand(2, 4, 8, 8, requires_grad=True)
    with Divided() as seen:
        layer(x).sum().backward()
    assert seen.sizes and max(seen.sizes) <= 2 * 4


class Divided(TorchDispatchMode):
    """Record the sizes of the tensors that a division returns."""

    def __init__(self):
        super().__init__()
        self.sizes = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        out = function(*args, **(kwargs or {}))
        if function.overloadpacket.__name__ == 'div':
            self.sizes.append(out.numel())
        return out
