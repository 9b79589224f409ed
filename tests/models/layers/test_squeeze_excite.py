import torch
from torch import nn

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
