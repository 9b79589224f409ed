import copy

import numpy as np
import pytest
from facts import raises

from mmmux.search.analytic import ANALYTIC_SPACE
from mmmux.search.backbone_costs import SpaceComplexity
from mmmux.search.budget import check_budgets
from mmmux.search.space import SearchSpace
from mmmux.utils.errors import ConfigError


@pytest.fixture(scope='module')
def costs():
    config = copy.deepcopy(ANALYTIC_SPACE)
    for stage in config['stages'][3:6]:  # so few genomes that all can be evaluated
        stage['out_channels'], stage['mux']['blocks'] = stage['out_channels'][:2], [2, 1]
    return SpaceComplexity(SearchSpace(config), (224, 224))


def cheapest(costs, name: str) -> int:
    """Return the lowest cost of all genomes."""
    shape = [len(gene) for gene in costs.space.genes]
    codes = np.arange(np.prod(shape))
    lowest = np.iinfo(np.int64).max
    for chunk in np.array_split(codes, 20):
        genomes = np.stack(np.unravel_index(chunk, shape), 1)
        genomes = genomes[(costs.space.canonical(genomes) == genomes).all(1)]
        lowest = min(lowest, getattr(costs, name)(genomes).min()) if len(genomes) else lowest
    return int(lowest)


@pytest.mark.parametrize('name', ['params', 'macs'])
def test_nearest_to_a_budget_that_nothing_meets_is_the_cheapest_of_all(costs, name):
    lowest = cheapest(costs, name)
    check_budgets(costs.space, costs, {name: lowest})
    with raises(ConfigError, 'search.budgets', f'{name} <= {lowest - 1:g}', f'{lowest:,} {name}'):
        check_budgets(costs.space, costs, {name: lowest - 1})


def test_both_budgets_are_named(costs):
    with raises(ConfigError, 'search.budgets', 'params <= 100000', 'macs <= 1e+08'):
        check_budgets(costs.space, costs, dict(params=1e5, macs=1e8))


def test_no_budget_is_met_by_all(costs):
    check_budgets(costs.space, costs, {})
