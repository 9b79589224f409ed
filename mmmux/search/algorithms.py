"""Run pymoo's evolutionary algorithms on genomes of integers."""
from collections.abc import Callable, Mapping
from numbers import Integral

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

_POPULATION = 100  # default of the option `population`
_GENERATIONS = 40
_LEAST = {'population': 2, 'generations': 1}  # lowest value of each option


class GenomeProblem(Problem):
    """The pymoo problem of a search: minimise several objectives over the genomes of a space.

    Args:
        space (SearchSpace): Space of the genomes.
        values (Callable[[ndarray], ndarray]): Maps canonical genomes (N, genes) to objective values (N, objectives), each about
            0 to 1.
        objectives (int): Number of objectives.

    Attributes:
        seen (list[ndarray]): Arrays (N, genes) of evaluated genomes, in order of evaluation.
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
    """Round the results of crossover and mutation to canonical genomes.

    Args:
        space (SearchSpace): Space of the genomes.
    """

    def __init__(self, space: SearchSpace):
        super().__init__()
        self.space = space

    def _do(self, problem, X, **kwargs):
        return self.space.canonical(X.astype(int))


def genetic_operators(space: SearchSpace) -> dict:
    """Return the keyword arguments that make pymoo's algorithms work on genomes of a space without printing.

    Args:
        space (SearchSpace): Space of the genomes.

    Returns:
        dict: `crossover`, `mutation`, `repair` and `output`.
    """
    # On average, two genes are redrawn; a redrawn gene with two values keeps its value half of the time.
    mutation = ChoiceRandomMutation(prob_var=min(2 / len(space.genes), 0.5))
    # One child per pair: with two, pymoo 0.6.2's ParallelMOEAD assigns one child to a direction that is not its parents'.
    crossover = BinomialCrossover(bias=0.5, n_offsprings=1, prob=0.9)
    return dict(crossover=crossover, mutation=mutation, repair=CanonicalRepair(space), output=None)


class Evolution:
    """Minimise several objectives over genomes with an algorithm of pymoo.

    The algorithms use reference directions that are spread evenly (Das and Dennis, "Normal-boundary intersection", 1998).

    Args:
        space (SearchSpace): Space of the genomes.
        objectives (int): Number of objectives.
        options (Mapping): Options of the config's `search.strategy`:

            * `type` (str): a key of `ALGORITHMS`. Default: 'moead'.
            * `population` (int): largest number of directions; the nearest number that can be spread evenly is used.
              Default: 100.
            * `generations` (int): Default: 40.

    Raises:
        ConfigError: An option is unknown or has an invalid value.
    """

    def __init__(self, space: SearchSpace, objectives: int, options: Mapping):
        options = dict(options)
        kind = options.pop('type', 'moead')
        if kind not in ALGORITHMS:
            raise ConfigError(f"search.strategy.type '{kind}' is not known: choose from {', '.join(ALGORITHMS)}")
        self._make = ALGORITHMS[kind]
        check_keys(options, _LEAST, 'search.strategy')
        for name, value in options.items():
            if not isinstance(value, Integral) or isinstance(value, bool) or value < _LEAST[name]:
                raise ConfigError(f'search.strategy.{name} must be a whole number from {_LEAST[name]} up, got {value!r}')
        self.space = space
        self.objectives = objectives
        self.generations = options.get('generations', _GENERATIONS)
        partitions = get_partition_closest_to_points(options.get('population', _POPULATION), objectives)
        self.directions = get_reference_directions('das-dennis', objectives, n_partitions=partitions)

    def run(self, values: Callable[[np.ndarray], np.ndarray], start: np.ndarray, seed: int) -> np.ndarray:
        """Minimise the objectives.

        Args:
            values (Callable[[ndarray], ndarray]): Maps genomes (N, genes) to objective values (N, objectives), about 0 to 1.
            start (ndarray): Genomes (M, genes); for each direction, the best of them enters the first population.
            seed (int): Seed of the algorithm.

        Returns:
            ndarray: All evaluated genomes (N, genes), in order of evaluation; some occur several times.
        """
        problem, algorithm = self._begin(values, start, seed)
        for _ in range(self.generations):
            algorithm.next()
        return np.concatenate(problem.seen)

    def children(self, values: Callable[[np.ndarray], np.ndarray], start: np.ndarray, seed: int) -> np.ndarray:
        """Make one generation of children from a first population.

        Args:
            values (Callable[[ndarray], ndarray]): Maps genomes (N, genes) to objective values (N, objectives), about 0 to 1.
            start (ndarray): Genomes (M, genes); for each direction, the best of them enters the first population.
            seed (int): Seed of the algorithm.

        Returns:
            ndarray: Children (N, genes); N is 0 if mating only makes genomes of the population.
        """
        _, algorithm = self._begin(values, start, seed)
        algorithm.next()
        children = algorithm.ask()
        return start[:0] if children is None else children.get('X')  # None if mating only makes known genomes

    def _begin(self, values, start, seed) -> tuple[GenomeProblem, Algorithm]:
        problem = GenomeProblem(self.space, values, self.objectives)
        algorithm = self._make(
            self.directions,
            sampling=self._best_by_direction(start, values(start)),
            **genetic_operators(self.space))
        algorithm.setup(problem, seed=seed, termination=('n_gen', np.inf))
        return problem, algorithm

    def _best_by_direction(self, genomes: np.ndarray, values: np.ndarray) -> np.ndarray:
        by_direction = PBI().do(values, weights=self.directions, _type='many_to_many', ideal_point=values.min(0))
        return genomes[by_direction.argmin(0)]


def _moead(directions: np.ndarray, **options) -> Algorithm:
    """Make MOEA/D with penalty boundary intersection (Zhang and Li, 2007), the algorithm of the MUXConv paper's search.

    pymoo's parallel variant makes all children of a generation before it replaces a parent, so that they can be evaluated
    together.
    """
    # 5 is the usual penalty; 10 neighbours were best on three seeds (docs/results/search.md).
    return ParallelMOEAD(directions, n_neighbors=min(10, len(directions)), decomposition=PBI(theta=5), **options)


# For each algorithm, the function that makes it; NSGA-III is that of Deb and Jain (2014).
ALGORITHMS: dict[str, Callable[..., Algorithm]] = {'moead': _moead, 'nsga3': NSGA3}
