"""Weights inherited from another network."""
import logging
from types import SimpleNamespace

import pytest
import torch
from facts import find_line
from mmengine.logging import MMLogger
from mmengine.registry import HOOKS
from torch import nn

from mmmux.search.journal import Evaluation
from mmmux.search.weights import inherit, nearest_parent


def network(width: int, depth: int = 1) -> nn.Sequential:
    layers = [layer for _ in range(depth) for layer in (nn.Conv2d(width, width, 3), nn.BatchNorm2d(width))]
    return nn.Sequential(nn.Conv2d(3, width, 1), *layers)


@pytest.fixture
def parent(tmp_path):
    model = network(8, depth=2)
    model[2].running_mean.fill_(5.)
    torch.save(dict(state_dict=model.state_dict(), meta={}), tmp_path / 'weights.pth')
    return model, str(tmp_path / 'weights.pth')


def test_all_of_the_same_architecture(parent):
    model, path = parent
    child = network(8, depth=2)
    assert inherit(child, path) == (len(child.state_dict()), ) * 2
    assert all(torch.equal(tensor, model.state_dict()[name]) for name, tensor in child.state_dict().items())


def test_what_fits_of_a_shallower_and_of_a_narrower_one(parent):
    _, path = parent
    shallow = network(8)
    assert inherit(shallow, path) == (9, 9) and torch.equal(shallow[2].running_mean, torch.full((8, ), 5.))
    narrow = network(6, depth=2)
    before = {name: tensor.clone() for name, tensor in narrow.state_dict().items()}
    assert inherit(narrow, path) == (2, 16)  # only `num_batches_tracked` of the two norms
    assert all(torch.equal(tensor, before[name]) for name, tensor in narrow.state_dict().items())


def test_a_wider_stem_leaves_the_rest(parent):
    model, path = parent
    child = network(8, depth=2)
    child[0] = nn.Conv2d(4, 8, 1)
    own = child[0].weight.clone()
    assert inherit(child, path) == (15, 16)
    assert torch.equal(child[0].weight, own) and torch.equal(child[0].bias, model[0].bias)


def test_the_hook_logs_the_number_of_tensors(parent, caplog):
    model, path = parent
    logger = MMLogger.get_current_instance()
    logger.addHandler(caplog.handler)
    child = network(8)
    with caplog.at_level(logging.WARNING):
        HOOKS.build(dict(type='mmmux.InheritWeightsHook', checkpoint=path)).before_train(SimpleNamespace(model=child))
    logger.removeHandler(caplog.handler)
    assert torch.equal(child[1].weight, model[1].weight)
    find_line(caplog.text, '9 of 9', path)


def evaluation(index, genome, error, status='done'):
    return Evaluation(0, index, genome, status, error, None, 1, 1, None, 1., 0)


@pytest.mark.parametrize('genome,index', [
    ((1, 1, 0), 0),  # one gene differs, in all others more
    ((5, 5, 6), 2),  # as near as the one before, and better
    ((7, 7, 7), 3),  # as near and as good as the one after
    ((5, 5, 5), 1)])
def test_the_nearest_parent(genome, index):
    """An evaluation that failed is no parent."""
    evaluations = [evaluation(0, (1, 1, 1), 0.9), evaluation(1, (5, 5, 5), 0.5), evaluation(2, (4, 5, 6), 0.4),
                   evaluation(3, (7, 8, 7), 0.3), evaluation(4, (8, 7, 7), 0.3), evaluation(5, genome, None, 'failed')]
    assert nearest_parent(genome, evaluations).index == index
    assert nearest_parent(genome, evaluations[5:]) is None
