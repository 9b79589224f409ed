"""Which networks to train next."""
from collections.abc import Callable, Collection, Mapping, Sequence

import numpy as np
from threadpoolctl import threadpool_limits

from mmmux.utils.errors import ConfigError

from .algorithms import Evolution
from .feasible import Costs, Feasible
from .front import Box, front, most_hypervolume
from .journal import Evaluation
from .prediction import Predictor, measured
from .space import Genome, SearchSpace
from .space_config import check_keys
from .surrogate import FEWEST, make_surrogate

_STARTERS = 300  # random genomes among which the evolution's first population is chosen, beside all results
_STRATA = 50  # random genomes for each one of the first generation
_PENALTY = 100.  # what makes a genome over a budget worse than any within, in every direction
_MARGIN = 0.1  # of the range of results and predictions, up to which the ends of a predicted front count


class Strategy:
    """Proposes generations of genomes.

    The first generation is drawn at random from within the budgets, spread over their multiply-adds. For each later one, a
    surrogate of every measured objective is fitted on all good results, an evolutionary algorithm minimises the predictions
    and the exact costs together, and of all genomes it looked at those are proposed that add most hypervolume to the front so
    far. Without a surrogate the algorithm makes the children of the results themselves.

    What is proposed depends on the arguments here and of :meth:`propose` alone.

    Args:
        space: to choose from.
        costs: of its genomes.
        objectives: names: 'error', and of 'params', 'macs' and 'latency'.
        budgets: the largest value of 'params', 'macs' or both; no proposal is over one.
        algorithm: `type` ('moead' or 'nsga3') and options of :class:`mmmux.search.algorithms.Evolution`.
        surrogate: `type`: 'gp', 'rbf' or 'mlp'; None for no surrogate.
        seed: of every random choice.
        starts: genomes to begin the first generation with.

    Raises:
        ConfigError: the algorithm or the surrogate is not known, or a start is over a budget.
    """

    def __init__(self,
                 space: SearchSpace,
                 costs: Costs,
                 objectives: Sequence[str] = ('error', 'params', 'macs'),
                 budgets: Mapping[str, float] | None = None,
                 algorithm: Mapping | None = None,
                 surrogate: Mapping | None = None,
                 seed: int = 0,
                 starts: Sequence[Genome] = ()):
        self.space = space
        self.costs = costs
        self.objectives = tuple(objectives)
        self.feasible = Feasible(space, costs, budgets or {})
        self.evolution = Evolution(space, len(self.objectives), algorithm or {})
        self.surrogate = surrogate
        self.seed = seed
        self.starts = list(starts)
        if surrogate:
            check_keys(surrogate, ('type', ), 'search.surrogate')
            make_surrogate(surrogate['type'], seed)
        self._check_starts()

    def _check_starts(self) -> None:
        for number, genome in enumerate(self.starts):
            for name, budget in self.feasible.budgets.items():
                cost = int(getattr(self.costs, name)(np.array([genome]))[0])
                if cost > budget:
                    raise ConfigError(f'search.starts.{number} has {cost:,} {name}, over search.budgets of {budget:,.0f}')

    def propose(self, evaluations: Sequence[Evaluation], generation: int, count: int) -> list[Genome]:
        """The genomes of a generation, none of them evaluated before or over a budget.

        Args:
            evaluations: of all earlier generations.
            generation: its number, from 0.
            count: how many are wanted.

        Returns:
            list[Genome]: fewer than `count` where the space within the budgets has no more.
        """
        evaluations = sorted(evaluations, key=lambda evaluation: (evaluation.generation, evaluation.index))
        good = [evaluation for evaluation in evaluations if evaluation.done]
        known = {evaluation.genome for evaluation in evaluations}
        rng = np.random.default_rng([self.seed, generation])
        with threadpool_limits(1):  # sums in another order would be other decisions, and the trainings need the cores
            if generation == 0:
                proposals = self._first(count, rng)
            elif len(good) < FEWEST:
                proposals = []
            elif self.surrogate:
                proposals = self._promising(good, known, count, rng)
            else:
                proposals = self._children(good, known, count, rng)
            if len(proposals) < count:
                proposals += _genomes(self.feasible.sample(count - len(proposals), rng, known | set(proposals)))
        return proposals

    def predictor(self, evaluations: Sequence[Evaluation]) -> Predictor | None:
        """What the good ones of evaluations teach; None without a surrogate or with too few of them."""
        good = [evaluation for evaluation in evaluations if evaluation.done]
        if not self.surrogate or len(good) < FEWEST:
            return None
        with threadpool_limits(1):
            return Predictor(self.space, self.costs, self.objectives, self.surrogate, self.seed, good)

    def _first(self, count: int, rng: np.random.Generator) -> list[Genome]:
        starts = self.starts[:count]
        drawn = self.feasible.sample(_STRATA * count, rng, set(starts))
        strata = np.array_split(drawn[np.argsort(self.costs.macs(drawn), kind='stable')], max(count - len(starts), 1))
        return starts + _genomes([rng.choice(stratum) for stratum in strata if len(stratum)])[:count - len(starts)]

    def _promising(self, good: Sequence[Evaluation], known: Collection[Genome], count: int,
                   rng: np.random.Generator) -> list[Genome]:
        predictor = self.predictor(good)
        results = measured(good, self.objectives)
        evaluated = np.array([evaluation.genome for evaluation in good])
        starters = self.feasible.sample(_STARTERS, rng)
        scale = Box.around(self.objectives, results[front(results)])
        start = np.concatenate([evaluated, starters])
        seen = self.evolution.run(self._penalised(predictor, scale), start, int(rng.integers(2**31)))
        candidates = self._new(seen, known)
        if not len(candidates):
            return []
        values = predictor(candidates)
        best = front(values)
        return _genomes(candidates[best[self._spread(values[best], results, count)]])

    def _spread(self, candidates: np.ndarray, results: np.ndarray, count: int) -> list[int]:
        """Those candidates (N, objectives) that together add most to the hypervolume of results (M, objectives)."""
        results = results[front(results)]
        box = Box.around(self.objectives, np.concatenate([candidates, results]))
        candidates, results = (box.normalise(values) / (1 + _MARGIN) for values in (candidates, results))
        return most_hypervolume(candidates, results, count)

    def _children(self, good: Sequence[Evaluation], known: Collection[Genome], count: int,
                  rng: np.random.Generator) -> list[Genome]:
        results = measured(good, self.objectives)
        scaled = Box.around(self.objectives, results[front(results)]).normalise(results)
        by_genome = {evaluation.genome: row for evaluation, row in zip(good, scaled)}
        children = self.evolution.children(
            lambda genomes: np.array([by_genome[genome] for genome in _genomes(genomes)]),
            np.array([evaluation.genome for evaluation in good]), int(rng.integers(2**31)))
        return _genomes(rng.permutation(self._new(children, known))[:count])

    def _penalised(self, predictor: Predictor, scale: Box) -> Callable[[np.ndarray], np.ndarray]:
        def values(genomes: np.ndarray) -> np.ndarray:
            excess = self.feasible.excess(genomes)[:, None]
            return np.where(excess > 0, _PENALTY * (1 + excess), scale.normalise(predictor(genomes)))

        return values

    def _new(self, genomes: np.ndarray, known: Collection[Genome]) -> np.ndarray:
        """The different ones of genomes (N, genes) that keep to the budgets and are not known."""
        genomes = np.unique(genomes, axis=0)
        genomes = genomes[self.feasible.excess(genomes) == 0]
        return genomes[np.array([genome not in known for genome in _genomes(genomes)], bool)]


def _genomes(rows: Sequence[np.ndarray]) -> list[Genome]:
    return [tuple(map(int, row)) for row in rows]
