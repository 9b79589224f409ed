"""Batches of one picture are refused before a training whose model normalises one value per channel."""
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from facts import raises
from mmengine.dataset import InfiniteSampler
from tiny_training import PICTURES, Network, Noise
from torch import nn
from torch.utils.data import DataLoader

from mmmux.engine.runner.resumable_loader import EndlessBatches, NumberedBatches, NumberedLoader
from mmmux.engine.runner.single_pictures import check_single_pictures
from mmmux.utils.errors import ConfigError

LAST_OF_ONE = ('train_dataloader.batch_size', 5, PICTURES, 'train_dataloader.drop_last=True', 'model.layers.1')


class WithoutNorm(Network):

    def __init__(self):
        super().__init__()
        self.layers[1] = nn.Identity()


class FrozenNorm(Network):
    """As backbones with `norm_eval=True`."""

    def train(self, mode: bool = True):
        super().train(mode)
        self.layers[1].eval()
        return self


class Failing(Network):

    def forward(self, *args, **kwargs):
        raise RuntimeError('out of memory')


def check(model=None, **loader) -> None:
    check_single_pictures(SimpleNamespace(model=model or Network(), train_dataloader=DataLoader(Noise(), **loader)))


def numbered(kind) -> NumberedLoader:
    return NumberedLoader(DataLoader(Noise(), batch_size=5), kind)


@pytest.mark.parametrize('loader', [
    dict(batch_size=3), dict(batch_size=5, drop_last=True), dict(batch_size=None),
    dict(batch_size=5, sampler=InfiniteSampler(Noise()))])
def test_trainings_without_such_a_batch_pass_and_run_no_model(loader):
    check(Failing(), **loader)


def test_a_batch_size_of_one():
    with raises(ConfigError, 'train_dataloader.batch_size', 1, 2, 'model.layers.1'):
        check(batch_size=1)
    with raises(ConfigError, 'train_dataloader.batch_size', 1, 2, 'model.layers.1'):
        check(batch_size=1, sampler=InfiniteSampler(Noise()))


@pytest.mark.parametrize('loader', [
    lambda: DataLoader(Noise(), batch_size=5), partial(numbered, NumberedBatches), partial(numbered, EndlessBatches)])
def test_a_last_batch_of_one(loader):
    with raises(ConfigError, *LAST_OF_ONE):
        check_single_pictures(SimpleNamespace(model=Network(), train_dataloader=loader()))


@pytest.mark.parametrize('kind', [WithoutNorm, FrozenNorm])
def test_models_that_do_with_one_picture_pass(kind):
    check(kind(), batch_size=1)


def test_another_error_is_left_to_the_training():
    check(Failing(), batch_size=1)


def test_nothing_is_changed():
    model = FrozenNorm()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    random, numpy = torch.get_rng_state(), np.random.get_state()[1].copy()
    check(model, batch_size=1)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), random) and (np.random.get_state()[1] == numpy).all()
    assert model.training and not model.layers[0]._forward_pre_hooks
