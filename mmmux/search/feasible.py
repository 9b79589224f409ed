"""Draw genomes that keep to hard budgets."""
from collections.abc import Collection, Mapping
from typing import Protocol

import numpy as np
from pymoo.algorithms.soo.nonconvex.ga import GA

from .algorithms import GenomeProblem, genetic_operators
from .space import Genome, SearchSpace

_AT_ONCE, _DRAWS = 2_000, 20_000
_GENERATIONS = 50


class Costs(Protocol):
    """The costs of genomes."""

    def params(self, genomes: np.ndarray) -> np.ndarray:
        """Count parameters.

        Args:
            genomes (ndarray): Canonical genomes (N, genes).

        Returns:
            ndarray: (N, ), integers.
        """

    def macs(self, genomes: np.ndarray) -> np.ndarray:
        """Count multiply-adds for one image.

        Args:
            genomes (ndarray): Canonical genomes (N, genes).

        Returns:
            ndarray: (N, ), integers.
        """


class Feasible:
    """The genomes of a space that keep to budgets.

    Args:
        space (SearchSpace): Search space.
        costs (Costs): Costs of the space's genomes.
        budgets (Mapping[str, float]): Largest value of 'params', 'macs' or both.
    """

    def __init__(self, space: SearchSpace, costs: Costs, budgets: Mapping[str, float]):
        self.space = space
        self.costs = costs
        self.budgets = budgets

    def excess(self, genomes: np.ndarray) -> np.ndarray:
        """Compute how far genomes exceed the budgets: the sum over budgets of max(cost / budget - 1, 0).

        Args:
            genomes (ndarray): Canonical genomes (N, genes).

        Returns:
            ndarray: (N, ), 0 for genomes within the budgets.
        """
        over = np.zeros(len(genomes))
        for name, budget in self.budgets.items():
            over += np.maximum(getattr(self.costs, name)(genomes) / budget - 1, 0)
        return over

    def sample(self, count: int, rng: np.random.Generator, unlike: Collection[Genome] = ()) -> np.ndarray:
        """Draw different genomes within the budgets.

        Genomes are drawn uniformly. If the budgets are so tight that this finds too few, a genetic algorithm that minimises the
        excess finds the others.

        Args:
            count (int): Number of genomes.
            rng (Generator): Source of randomness.
            unlike (Collection[Genome]): Genomes of the space that must not be drawn. Default: ().

        Returns:
            ndarray: Canonical genomes (N, genes); N is less than `count` if fewer genomes were found.
        """
        count = min(count, self.space.size - len(unlike))
        drawn, found = [], np.zeros((0, len(self.space.genes)), int)
        while len(found) < count and len(drawn) < _DRAWS // _AT_ONCE:
            drawn.append(self.space.sample(_AT_ONCE, rng))
            found = self._new(np.concatenate([found, drawn[-1]]), unlike)
        if len(found) < count and self.budgets:
            found = self._new(np.concatenate([found, self._evolved(np.concatenate(drawn), rng)]), unlike)
        return rng.permutation(found)[:count]

    def _new(self, genomes: np.ndarray, unlike: Collection[Genome]) -> np.ndarray:
        genomes = np.unique(genomes[self.excess(genomes) == 0], axis=0)
        return genomes[[tuple(genome) not in unlike for genome in genomes.tolist()]] if len(genomes) else genomes

    def _evolved(self, drawn: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        nearest = drawn[np.argsort(self.excess(drawn), kind='stable')[:100]]
        problem = GenomeProblem(self.space, lambda genomes: self.excess(genomes)[:, None], 1)
        algorithm = GA(pop_size=len(nearest), sampling=nearest, **genetic_operators(self.space))
        algorithm.setup(problem, seed=int(rng.integers(2**31)), termination=('n_gen', _GENERATIONS))
        algorithm.run()
        return np.concatenate(problem.seen)
