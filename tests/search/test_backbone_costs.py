import numpy as np
import pytest
import torch
from torch import nn

from mmmux.analysis.complexity import classifier_complexity, count
from mmmux.models import ARCHITECTURES, MUXNet
from mmmux.models.backbones import without_early_strides
from mmmux.search.backbone_costs import SpaceComplexity


@pytest.fixture
def no_initial_weights(monkeypatch):
    """Counting needs no random numbers, which take most of the time of making a layer."""
    monkeypatch.setattr(nn.Conv2d, 'reset_parameters', lambda self: None)
    monkeypatch.setattr(torch, 'zeros', torch.empty)


def compare(space, genomes, size, last=None, output_stride=None, removed=0):
    """The arithmetic with the built network under the repository's counter."""
    costs = SpaceComplexity(space, size, last, output_stride, removed)
    found = list(zip(costs.params(genomes).tolist(), costs.macs(genomes).tolist()))
    counted = []
    for genome in genomes:
        options = dict(arch=space.decode(genome), out_indices=(7 if last is None else last, ), output_stride=output_stride)
        network = without_early_strides(dict(type='MUXNet', **options), removed) if removed else MUXNet(**options)
        total = count(network, *size)['total']
        counted.append((total.params, total.macs))
    assert found == counted


@pytest.mark.parametrize('size,last,output_stride,removed', [
    ((64, 96), 7, None, 0), ((97, 131), 6, 8, 0), ((101, 75), 7, 16, 0), ((33, 47), 6, 32, 2), ((35, 33), 7, None, 1),
    ((64, 64), 4, 8, 1), ((45, 32), 2, None, 3),
])
def test_equals_the_counted_network(family_space, no_initial_weights, size, last, output_stride, removed):
    genomes = family_space.sample(4, np.random.default_rng(sum(size)))
    compare(family_space, genomes, size, last, output_stride, removed)


@pytest.mark.nightly
def test_equals_the_counted_network_of_a_thousand_random_genomes(family_space, no_initial_weights):
    compare(family_space, family_space.sample(1000, np.random.default_rng(0)), (33, 47))


def test_the_papers_counts_of_the_family(family_space):
    """Together with a classifier of 1000 classes, which is no part of the backbone."""
    costs = SpaceComplexity(family_space, (224, 224))
    for arch in (ARCHITECTURES['xs'], ARCHITECTURES['l']):
        whole, genome = classifier_complexity(arch), [family_space.encode(arch)]
        classifier = arch.head_channels * 1000
        assert (costs.params(genome)[0] + classifier + 1000, costs.macs(genome)[0] + classifier) == (whole.params, whole.macs)


def test_costs_are_whole_numbers_one_for_each_genome(family_space):
    genomes = family_space.sample(3, np.random.default_rng(0))
    costs = SpaceComplexity(family_space, (640, 640))
    for values in (costs.params(genomes), costs.macs(genomes)):
        assert values.shape == (3, ) and values.dtype == np.int64 and len(set(values.tolist())) == 3
