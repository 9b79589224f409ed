"""Check that a network of the space meets the budgets."""
from collections.abc import Mapping

import numpy as np

from mmmux.utils.errors import ConfigError

from .feasible import Costs, Feasible
from .space import SearchSpace

_DRAWN, _DESCENTS = 2_000, 3


def check_budgets(space: SearchSpace, costs: Costs, budgets: Mapping[str, float]) -> None:
    """Refuse budgets that no network of a space meets.

    Args:
        space (SearchSpace): Search space.
        costs (Costs): Costs of the space's genomes.
        budgets (Mapping[str, float]): Largest value of 'params', 'macs' or both.

    Raises:
        ConfigError: The search found no network within the budgets; the message gives the costs of the nearest one.
    """
    if not budgets:
        return
    feasible = Feasible(space, costs, budgets)
    genome = nearest(feasible)
    if feasible.excess(genome)[0] > 0:
        found = {name: int(getattr(costs, name)(genome)[0]) for name in budgets}
        limits = ' and '.join(f'{name} <= {budget:g}' for name, budget in budgets.items())
        near = ' and '.join(f'{cost:,} {name}' for name, cost in found.items())
        raise ConfigError(f'no network of search.space meets search.budgets ({limits}): the nearest has {near}; raise the '
                          'budgets, or add smaller values to search.space')


def nearest(feasible: Feasible) -> np.ndarray:
    """Find the genome that exceeds the budgets least.

    Coordinate descent starts from the best of random genomes and changes one gene at a time to its best value. As a cost grows
    with every width, depth, kernel size and expansion ratio, the descent ends within the budgets or at the cheapest network.

    Args:
        feasible (Feasible): Space and budgets.

    Returns:
        ndarray: Canonical genome (1, genes).
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
