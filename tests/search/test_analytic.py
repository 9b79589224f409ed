from pathlib import Path

import numpy as np
import pytest

from mmmux.models import ARCHITECTURES
from mmmux.models.architectures import as_table
from mmmux.search.analytic import ANALYTIC_SPACE, analytic_error, analytic_errors, evaluate_formula, true_front
from mmmux.search.backbone_costs import SpaceComplexity
from mmmux.search.space import SearchSpace
from mmmux.search.trial_process import TrialSpec


@pytest.fixture(scope='module')
def space():
    return SearchSpace(ANALYTIC_SPACE)


@pytest.fixture(scope='module')
def costs(space):
    complexity = SpaceComplexity(space, (224, 224))
    return lambda genomes: np.column_stack([complexity.params(genomes), complexity.macs(genomes)])


def small_space():
    stages = [dict(stage) for stage in ANALYTIC_SPACE['stages']]
    for index in (1, 2, 3, 6):
        stages[index] = {key: value[:1] if isinstance(value, list) else value for key, value in stages[index].items()}
        if 'mux' in stages[index]:
            stages[index]['mux'] = {key: value[-1:] for key, value in stages[index]['mux'].items()}
    return SearchSpace(dict(ANALYTIC_SPACE, stages=stages))


def test_is_one_formula_for_genomes_and_architectures(space):
    genomes = space.sample(40, np.random.default_rng(0))
    expected = [analytic_error(space.decode(tuple(genome))) for genome in genomes.tolist()]
    assert analytic_errors(space, genomes) == pytest.approx(expected, abs=1e-12)


def test_no_network_dominates_the_true_front():
    space = small_space()
    complexity = SpaceComplexity(space, (64, 64))
    genomes, values = true_front(space, lambda rows: np.column_stack([complexity.params(rows), complexity.macs(rows)]))
    every = np.unique(space.canonical(space.sample(20 * space.size, np.random.default_rng(0))), axis=0)
    assert len(every) == space.size
    every_value = np.column_stack([analytic_errors(space, every), complexity.params(every), complexity.macs(every)])
    not_worse = (every_value[:, None] <= every_value).all(-1)
    dominated = (not_worse & ~not_worse.T).any(0)
    expected = set(map(tuple, np.unique(every_value[~dominated], axis=0).tolist()))
    assert set(map(tuple, values.tolist())) == expected
    assert analytic_errors(space, genomes) == pytest.approx(values[:, 0])


def test_can_be_enumerated_and_is_no_single_file(space, costs):
    """Costs and error disagree: the front is more than a few networks, and far from all."""
    assert 1e6 < space.size < 3e6
    genomes = space.sample(2000, np.random.default_rng(0))
    values = np.column_stack([analytic_errors(space, genomes), costs(genomes)])
    assert np.corrcoef(values.T)[0, 1] > -0.9


def test_larger_networks_of_the_family_err_less():
    errors = [analytic_error(ARCHITECTURES[name]) for name in ('xs', 's', 'm', 'l')]
    assert errors == sorted(errors, reverse=True) and 0.2 < errors[-1] < errors[0] < 0.5


def test_as_a_trial():
    spec = TrialSpec(0, 0, (0, ), Path(), 0, 'accuracy', 100., function='mmmux.search.analytic:evaluate_formula',
                     arguments=dict(arch=as_table(ARCHITECTURES['s'])))
    assert evaluate_formula(spec)['accuracy'] == pytest.approx(100 * (1 - analytic_error(ARCHITECTURES['s'])))
