import math
from types import SimpleNamespace

import pytest
import torch
from facts import raises
from mmengine.hooks import CheckpointHook
from mmengine.runner import get_priority

from mmmux.engine.hooks import FiniteLossHook
from mmmux.utils.errors import TrainingError


def train(hook, losses):
    for iteration, loss in enumerate(losses):
        runner = SimpleNamespace(iter=iteration, work_dir='work_dirs/here')
        hook.after_train_iter(runner, iteration, outputs=dict(loss=torch.tensor(loss)))


@pytest.mark.parametrize('loss', [math.nan, math.inf, -math.inf])
def test_ends_the_training_with_where_and_what_to_do(loss):
    with raises(TrainingError, loss, 'iteration 4', 'work_dirs/here', 'optim_wrapper.optimizer.lr'):
        train(FiniteLossHook(interval=2), [1., 2., loss, loss])


def test_looks_before_a_checkpoint_is_written():
    """mmengine runs the hooks of one moment by priority, the lowest number first."""
    assert get_priority(FiniteLossHook.priority) < get_priority(CheckpointHook.priority)


def test_lets_numbers_pass_and_looks_only_at_its_interval():
    train(FiniteLossHook(interval=2), [1., 2.])
    train(FiniteLossHook(interval=3), [math.nan, math.nan])
