"""The evolutionary algorithms of a search, all of them pymoo's, on genomes of whole numbers."""
from collections.abc import Callable, Mapping
from numbers import Integral, Real
from typing import Any

import numpy as np
from pymoo.algorithms.moo.moead import ParallelMOEAD
from pymoo.algorithms.moo.nsga3 import NSGA3
from pymoo.core.algorithm import Algorithm
from pymoo.core.problem import Problem
from pymoo.core.repair import Repair
from pymoo.core.variable import Integer
from pymoo.decomposition.pbi import PBI
from pymoo.operators.crossover.binx import BinomialCrossover
from pymoo.operators.mutation.rm import ChoiceRandomMutation
from pymoo.util.ref_dirs import get_reference_directions
from pymoo.util.reference_direction import get_partition_closest_to_points

from mmmux.utils.errors import ConfigError

from .space import SearchSpace
from .space_config import check_keys

_POPULATION = 100  # directions at most
_GENERATIONS = 40


class GenomeProblem(Problem):
    """What is minimised over the genomes of a space.

    Args:
        space: of the genomes.
        values: of canonical genomes (N, genes) the values (N, objectives), each from about 0 to 1.
        objectives: their number.

    Attributes:
        seen: arrays of genomes that the values were asked of, in order.
    """

    def __init__(self, space: SearchSpace, values: Callable[[np.ndarray], np.ndarray], objectives: int):
        variables = {gene.name: Integer(bounds=(0, len(gene) - 1)) for gene in space.genes}
        super().__init__(vars=variables, n_obj=objectives, xl=0, xu=np.array([len(gene) - 1 for gene in space.genes]))
        self.values = values
        self.seen: list[np.ndarray] = []

    def _evaluate(self, x, out, *args, **kwargs):
        self.seen.append(x)
        out['F'] = self.values(x)


class CanonicalRepair(Repair):
    """Whole, canonical genomes of what crossover and mutation make."""

    def __init__(self, space: SearchSpace):
        super().__init__()
        self.space = space

    def _do(self, problem, X, **kwargs):
        return self.space.canonical(X.astype(int))


def genetic_operators(space: SearchSpace) -> dict:
    """How pymoo's algorithms make genomes of a space from others, and nothing printed."""
    # Two genes are drawn anew on average, of which one with two values stays as it is half of the times.
    mutation = ChoiceRandomMutation(prob_var=min(2 / len(space.genes), 0.5))
    # One child of each pair: of two, pymoo 0.6.2's ParallelMOEAD would give one to another direction than its parents are of.
    crossover = BinomialCrossover(bias=0.5, n_offsprings=1, prob=0.9)
    return dict(crossover=crossover, mutation=mutation, repair=CanonicalRepair(space), output=None)


class Evolution:
    """An algorithm of pymoo that minimises over genomes, by reference directions spread evenly (Das and Dennis, 1998).

    Args:
        space: of the genomes.
        objectives: their number.
        options: of the config: `type`, one of `ALGORITHMS`; `population`, directions at most (the nearest number that can be
            spread evenly is taken, 100); `generations` (40); and for 'moead' the penalty `theta` (5) and `neighbors` (10).

    Raises:
        ConfigError: an option is not known or has a value that cannot be used.
    """

    def __init__(self, space: SearchSpace, objectives: int, options: Mapping):
        options = dict(options)
        kind = options.pop('type', 'moead')
        if kind not in ALGORITHMS:
            raise ConfigError(f"search.strategy.type '{kind}' is not known: choose from {', '.join(ALGORITHMS)}")
        self._make, known = ALGORITHMS[kind]
        check_keys(options, ('population', 'generations', *known), f"search.strategy of type '{kind}'")
        for name, value in options.items():
            _check_option(name, value)
        self.space = space
        self.objectives = objectives
        self.generations = options.pop('generations', _GENERATIONS)
        partitions = get_partition_closest_to_points(options.pop('population', _POPULATION), objectives)
        self.directions = get_reference_directions('das-dennis', objectives, n_partitions=partitions)
        self.options = options

    def run(self, values: Callable[[np.ndarray], np.ndarray], start: np.ndarray, seed: int) -> np.ndarray:
        """Minimise, and return all genomes that the algorithm looked at, in order and some more than once.

        Args:
            values: of genomes (N, genes), (N, objectives) from about 0 to 1.
            start: genomes (M, genes) that the first population is chosen from.
            seed: of the algorithm.
        """
        problem, algorithm = self._begin(values, start, seed)
        for _ in range(self.generations):
            algorithm.next()
        return np.concatenate(problem.seen)

    def children(self, values: Callable[[np.ndarray], np.ndarray], start: np.ndarray, seed: int) -> np.ndarray:
        """One generation's children (N, genes) of a first population; arguments as of :meth:`run`."""
        _, algorithm = self._begin(values, start, seed)
        algorithm.next()
        children = algorithm.ask()
        return start[:0] if children is None else children.get('X')  # None where all that mating makes is there already

    def _begin(self, values, start, seed) -> tuple[GenomeProblem, Algorithm]:
        problem = GenomeProblem(self.space, values, self.objectives)
        algorithm = self._make(
            self.directions,
            sampling=self._best_by_direction(start, values(start)),
            **genetic_operators(self.space),
            **self.options)
        algorithm.setup(problem, seed=seed, termination=('n_gen', np.inf))
        return problem, algorithm

    def _best_by_direction(self, genomes: np.ndarray, values: np.ndarray) -> np.ndarray:
        by_direction = PBI().do(values, weights=self.directions, _type='many_to_many', ideal_point=values.min(0))
        return genomes[by_direction.argmin(0)]


def _check_option(name: str, value: Any) -> None:
    if name == 'theta':
        usable, words = isinstance(value, Real) and not isinstance(value, bool) and value > 0, 'a number above 0'
    else:
        least = {'population': 2, 'neighbors': 2}.get(name, 1)
        usable = isinstance(value, Integral) and not isinstance(value, bool) and value >= least
        words = f'a whole number from {least} up'
    if not usable:
        raise ConfigError(f'search.strategy.{name} must be {words}, got {value!r}')


def _moead(directions: np.ndarray, theta: float = 5, neighbors: int = 10, **options) -> Algorithm:
    """MOEA/D with penalty boundary intersection (Zhang and Li, 2007), as the search of the MUXConv paper.

    pymoo's parallel variant makes all children of a generation before it replaces any parent: they are evaluated at once.
    """
    return ParallelMOEAD(directions, n_neighbors=min(neighbors, len(directions)), decomposition=PBI(theta=theta), **options)


def _nsga3(directions: np.ndarray, **options) -> Algorithm:
    """NSGA-III (Deb and Jain, 2014)."""
    return NSGA3(directions, **options)


# Of each algorithm what makes it, and its own options.
ALGORITHMS: dict[str, tuple[Callable[..., Algorithm], tuple[str, ...]]] = {
    'moead': (_moead, ('theta', 'neighbors')),
    'nsga3': (_nsga3, ()),
}
