import copy

import pytest
import torch
from torch import nn

from mmmux.models.layers.recompute import recompute_in_backward


@pytest.mark.parametrize('momentum', [0.1, None])  # None: a cumulative average, which counts the batches
def test_recomputing_changes_nothing_but_memory(momentum):
    block = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8, momentum=momentum), nn.SiLU(), nn.Dropout(0.5))
    again = copy.deepcopy(block)
    for step in range(2):
        x = torch.rand(4, 3, 6, 6, requires_grad=True)
        x_again = x.detach().clone().requires_grad_()
        torch.manual_seed(step)
        out = block(x)
        out.square().sum().backward()
        torch.manual_seed(step)
        out_again = recompute_in_backward(again, x_again)
        out_again.square().sum().backward()
        assert torch.equal(out, out_again) and torch.equal(x.grad, x_again.grad)
    for one, other in zip(block.state_dict().values(), again.state_dict().values()):
        assert torch.equal(one, other)
    for one, other in zip(block.parameters(), again.parameters()):
        assert torch.equal(one.grad, other.grad)
    assert again[1].momentum == momentum


def test_activations_are_not_kept():
    block = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.SiLU(), nn.Conv2d(8, 3, 3, padding=1))
    sizes = []
    x = torch.rand(1, 3, 8, 8, requires_grad=True)
    with torch.autograd.graph.saved_tensors_hooks(lambda t: sizes.append(t.numel()) or t, lambda t: t):
        recompute_in_backward(block, x)
    assert 8 * 8 * 8 not in sizes  # the size of the first convolution's output


def test_statistics_may_be_switched_off():
    block = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, track_running_stats=False))
    x = torch.rand(2, 3, 5, 5, requires_grad=True)
    recompute_in_backward(block, x).sum().backward()
    assert x.grad is not None
