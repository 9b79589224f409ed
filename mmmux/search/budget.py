"""Budgets that no network of a space meets."""
from collections.abc import Mapping

import numpy as np

from mmmux.utils.errors import ConfigError

from .feasible import Costs, Feasible
from .space import SearchSpace

_DRAWN, _DESCENTS = 2_000, 3


def check_budgets(space: SearchSpace, costs: Costs, budgets: Mapping[str, float]) -> None:
    """Refuse budgets that no network meets.

    Raises:
        ConfigError: no network was found within them; the message says what the nearest one costs.
    """
    if not budgets:
        return
    feasible = Feasible(space, costs, budgets)
    genome = nearest(feasible)
    if feasible.excess(genome)[0] > 0:
        found = {name: int(getattr(costs, name)(genome)[0]) for name in budgets}
        told = ' and '.join(f'{name} <= {budget:g}' for name, budget in budgets.items())
        near = ' and '.join(f'{cost:,} {name}' for name, cost in found.items())
        raise ConfigError(f'no network of the search space keeps to search.budgets {told}: the nearest has {near}')


def nearest(feasible: Feasible) -> np.ndarray:
    """The genome (1, genes) that is least over the budgets: from the best of random ones, one gene at a time to its best value.

    A cost grows with every width, depth, kernel and expansion, so that this ends at the cheapest network or within the budgets.
    """
    drawn = feasible.space.sample(_DRAWN, np.random.default_rng(0))
    best = drawn[np.argsort(feasible.excess(drawn), kind='stable')[:_DESCENTS]]
    ends = np.concatenate([_descend(feasible, genome[None]) for genome in best])
    return ends[feasible.excess(ends).argmin()][None]


def _descend(feasible: Feasible, genome: np.ndarray) -> np.ndarray:
    excess = feasible.excess(genome)[0]
    while excess > 0:
        around = _neighbours(feasible.space, genome)
        values = feasible.excess(around)
        if values.min() >= excess:
            break
        genome, excess = around[values.argmin()][None], values.min()
    return genome


def _neighbours(space: SearchSpace, genome: np.ndarray) -> np.ndarray:
    changed = []
    for column, gene in enumerate(space.genes):
        others = np.repeat(genome, len(gene), axis=0)
        others[:, column] = range(len(gene))
        changed.append(others)
    return space.canonical(np.concatenate(changed))
