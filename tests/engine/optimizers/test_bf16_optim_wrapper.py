"""Training in bfloat16 on a CPU: products are in bfloat16, weights and the optimiser's state in float32."""
import sys

import pytest
import torch
from mmengine.model import BaseModel
from mmengine.registry import OPTIM_WRAPPERS
from torch import nn

from mmmux.engine.optimizers import Bf16OptimWrapper
from mmmux.utils import cli


class Network(BaseModel):

    def __init__(self):
        super().__init__()
        self.conv, self.seen = nn.Conv2d(3, 4, 3), []

    def forward(self, inputs, data_samples=None, mode='tensor'):
        features = self.conv(inputs)
        self.seen.append(features.dtype)
        return dict(loss=(features.float() - 1).square().mean())


def wrapper(model: nn.Module, **options) -> Bf16OptimWrapper:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    return OPTIM_WRAPPERS.build(dict(type='mmmux.Bf16OptimWrapper', optimizer=optimizer, **options))


def test_computes_in_bfloat16_and_learns_in_float32():
    model = Network()
    wrapped, data = wrapper(model), dict(inputs=torch.rand(2, 3, 8, 8))
    losses = [model.train_step(data, wrapped)['loss'].item() for _ in range(20)]
    assert set(model.seen) == {torch.bfloat16} and losses[-1] < 0.2 * losses[0]
    states = [state['momentum_buffer'] for state in wrapped.optimizer.state.values()]
    assert {each.dtype for each in (*model.parameters(), *states)} == {torch.float32}
    model(data['inputs'])
    assert model.seen[-1] == torch.float32  # testing is not changed


def test_gradients_are_clipped_and_accumulated():
    model = Network()
    wrapped, data = wrapper(model, clip_grad=dict(max_norm=1e-3), accumulative_counts=2), dict(inputs=torch.rand(2, 3, 8, 8))
    before = model.conv.weight.detach().clone()
    model.train_step(data, wrapped)
    assert torch.equal(model.conv.weight, before)
    model.train_step(data, wrapped)
    assert 0 < (model.conv.weight - before).norm() <= 0.05 * 1e-3 + 1e-6


def test_goes_on_from_a_checkpoint_of_mmengines_wrapper():
    """Which holds a loss scale."""
    model = Network()
    wrapped = wrapper(model)
    wrapped.load_state_dict(dict(wrapped.state_dict(), loss_scaler=dict(scale=65536.)))
    model.train_step(dict(inputs=torch.rand(2, 3, 8, 8)), wrapped)


@pytest.mark.parametrize('given,meant', [
    (['--amp', 'config.py'], ['--amp=fp16', 'config.py']), (['config.py', '--amp'], ['config.py', '--amp=fp16']),
    (['--amp', 'bf16', 'config.py'], ['--amp', 'bf16', 'config.py']), (['--amp=bf16', 'c'], ['--amp=bf16', 'c']),
    (['config.py', '--amp', '--resume'], ['config.py', '--amp=fp16', '--resume'])])
def test_a_config_after_the_option_is_no_type_of_number(monkeypatch, given, meant):
    monkeypatch.setattr(sys, 'argv', ['train.py', *given])
    assert cli.with_default('--amp', 'fp16', ('fp16', 'bf16')) == meant
