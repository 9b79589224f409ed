from types import SimpleNamespace

import pytest
import torch
from facts import assert_facts, raises
from torch import nn

from mmmux.engine.hooks import CheckpointMatchHook
from mmmux.utils.errors import CheckpointError


def network(width: int = 4) -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Conv2d(8, width, 1))


class Wrapped(nn.Module):
    """As DistributedDataParallel and test-time augmentation hold their model."""

    def __init__(self, module):
        super().__init__()
        self.module = module


def load(hook: CheckpointMatchHook, model: nn.Module, state: dict, resume: bool = False, **rest) -> None:
    runner = SimpleNamespace(model=model, cfg=dict(load_from='given.pth', resume=resume), work_dir='work')
    hook.after_load_checkpoint(runner, dict(state_dict=state, **rest))


@pytest.mark.parametrize('wrap', [lambda model: model, Wrapped, lambda model: Wrapped(Wrapped(model))])
@pytest.mark.parametrize('prefix', ['', 'module.'])
def test_own_checkpoint_passes_in_silence(log, wrap, prefix):
    hook = CheckpointMatchHook()
    load(hook, wrap(network()), {prefix + key: value for key, value in network().state_dict().items()})
    hook.before_test(None)
    assert not log.messages


def test_of_another_model_is_refused():
    state = {f'other.{key}': value for key, value in network().state_dict().items()}
    with raises(CheckpointError, 'given.pth', "'other.0.weight'", "'0.weight'"):
        load(CheckpointMatchHook(), network(), state)


@pytest.mark.parametrize('state,counts,facts', [
    (network(width=5).state_dict(), '0 2', ("'2.weight'", '5x8x1x1', '4x8x1x1')),
    ({key: value for key, value in network().state_dict().items() if key != '1.running_var'}, '1 0', ("'1.running_var'", )),
])
def test_that_fits_in_part_may_start_a_training_but_not_a_test(log, state, counts, facts):
    hook = CheckpointMatchHook()
    load(hook, network(), state)
    (message, ) = log.messages
    missing, reshaped = counts.split()
    assert_facts(message, 'given.pth', '8 weights', f'{missing} are missing', f'{reshaped} have another shape')
    with raises(CheckpointError, 'given.pth', *facts):
        hook.before_test(None)


@pytest.mark.parametrize('state,rest,facts', [
    (network(width=5).state_dict(), dict(meta={}, optimizer={}, message_hub={}), ("'2.weight'", '5x8x1x1', '4x8x1x1')),
    (network().state_dict(), {}, ('load_from=...', '--resume')),
])
def test_resuming_needs_all_of_it(state, rest, facts):
    with raises(CheckpointError, 'given.pth', *facts):
        load(CheckpointMatchHook(), network(), state, resume=True, **rest)


def test_next_checkpoint_is_judged_anew():
    hook = CheckpointMatchHook()
    load(hook, network(), network(width=5).state_dict())
    load(hook, network(), network().state_dict())
    hook.before_test(None)


def test_without_weights():
    with raises(CheckpointError, 'given.pth'):
        load(CheckpointMatchHook(), network(), dict(epoch=torch.tensor([]).tolist()))


@pytest.mark.parametrize('resume', [False, True])
@pytest.mark.parametrize('key', ['0.weight', '1.running_var'])
def test_a_nan_is_refused_wherever_it_is(resume, key):
    state = network().state_dict()
    state[key].view(-1)[0] = float('nan')
    with raises(CheckpointError, 'given.pth', f"'{key}'"):
        load(CheckpointMatchHook(), network(), state, resume, optimizer={}, message_hub={}, meta=dict(epoch=1, iter=2))


@pytest.mark.parametrize('wrong', [dict(meta=[]), dict(meta={}), dict(meta=dict(epoch='1', iter=1)), dict(optimizer=[]),
                                   dict(message_hub=None), dict(meta=dict(epoch=-1, iter=0))])
def test_the_state_of_a_training_is_one(wrong):
    rest = dict(optimizer={}, message_hub={}, meta=dict(epoch=1, iter=2))
    with raises(CheckpointError, 'given.pth', 'load_from=...', '--resume'):
        load(CheckpointMatchHook(), network(), network().state_dict(), resume=True, **{**rest, **wrong})
