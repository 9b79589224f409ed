"""Choose the networks that a search trains next: :func:`mmmux.search.search.run_search` asks before each generation."""
from collections.abc import Callable, Collection, Sequence

import numpy as np
from threadpoolctl import threadpool_limits

from mmmux.utils.errors import ConfigError

from .algorithms import Evolution
from .feasible import Costs, Feasible
from .front import Box, front, most_hypervolume
from .journal import Evaluation
from .prediction import Predictor, measured
from .settings import SearchSettings
from .space import Genome
from .space_config import check_keys
from .surrogate import FEWEST, make_surrogate

_STARTERS = 300  # random genomes that, with all results, are the candidates for the evolution's first population
_STRATA = 50  # random genomes per network of the first generation
_PENALTY = 100.  # least objective value of a genome over a budget; worse than any genome within the budgets, in every direction
_MARGIN = 0.1  # share of the values' range added to the box, so that the ends of a predicted front add hypervolume


class Strategy:
    """Propose the genomes of each generation.

    The first generation is drawn at random within the budgets and spread over the multiply-adds. For each later generation, a
    surrogate of every measured objective is fitted on all results. An evolutionary algorithm minimises the predictions and the
    exact costs together. Of the genomes that it evaluated, those that add most hypervolume to the front so far are proposed.
    Without a surrogate, the algorithm makes children of the results.

    The proposals depend only on the arguments of the constructor and of :meth:`propose`.

    Args:
        settings (SearchSettings): Settings of the search: `space`, `objectives`, `budgets`, `strategy`, `surrogate`, `seed` and
            `starts` apply.
        costs (Costs): Costs of the space's genomes.

    Raises:
        ConfigError: The algorithm or the surrogate is unknown, or a start exceeds a budget.
    """

    def __init__(self, settings: SearchSettings, costs: Costs):
        self.settings = settings
        self.costs = costs
        self.objectives = settings.objectives
        self.feasible = Feasible(settings.space, costs, settings.budgets)
        self.evolution = Evolution(settings.space, len(settings.objectives), settings.strategy)
        if settings.surrogate:
            check_keys(settings.surrogate, ('type', ), 'search.surrogate')
            make_surrogate(settings.surrogate['type'], settings.seed)
        self._check_starts()

    def _check_starts(self) -> None:
        for number, genome in enumerate(self.settings.starts):
            for name, budget in self.feasible.budgets.items():
                cost = int(getattr(self.costs, name)(np.array([genome]))[0])
                if cost > budget:
                    raise ConfigError(f'search.starts.{number} has {cost:,} {name}, over search.budgets of {budget:,.0f}')

    def propose(self, evaluations: Sequence[Evaluation], generation: int, count: int) -> list[Genome]:
        """Propose the genomes of a generation, all within the budgets and not evaluated before.

        Args:
            evaluations (Sequence[Evaluation]): Evaluations of all earlier generations, in any order.
            generation (int): Number of the generation, from 0.
            count (int): Number of genomes.

        Returns:
            list[Genome]: Genomes; fewer than `count` if no more were found within the budgets.
        """
        evaluations = sorted(evaluations, key=lambda evaluation: (evaluation.generation, evaluation.index))
        good = [evaluation for evaluation in evaluations if evaluation.done]
        known = {evaluation.genome for evaluation in evaluations}
        rng = np.random.default_rng([self.settings.seed, generation])
        with threadpool_limits(1):  # the order of summation can change a decision, and the trainings need the other cores
            if generation == 0:
                proposals = self._first(count, rng)
            elif len(good) < FEWEST:
                proposals = []
            elif self.settings.surrogate:
                proposals = self._promising(good, known, count, rng)
            else:
                proposals = self._children(good, known, count, rng)
            if len(proposals) < count:
                proposals += _genomes(self.feasible.sample(count - len(proposals), rng, known | set(proposals)))
        return proposals

    def predictor(self, evaluations: Sequence[Evaluation]) -> Predictor | None:
        """Fit the predictor of the objectives.

        Args:
            evaluations (Sequence[Evaluation]): Evaluations; those without a result are ignored.

        Returns:
            Predictor | None: The predictor; None without a surrogate or with fewer than `FEWEST` results.
        """
        good = [evaluation for evaluation in evaluations if evaluation.done]
        if not self.settings.surrogate or len(good) < FEWEST:
            return None
        with threadpool_limits(1):
            return Predictor(self.settings, self.costs, good)

    def _first(self, count: int, rng: np.random.Generator) -> list[Genome]:
        starts = list(self.settings.starts[:count])
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
        """Choose the candidates (N, objectives) that together add most to the hypervolume of results (M, objectives).

        Returns:
            list[int]: At most `count` indices of candidates.
        """
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
        """Return the distinct genomes (M, genes) of genomes (N, genes) that keep to the budgets and are not known."""
        genomes = np.unique(genomes, axis=0)
        genomes = genomes[self.feasible.excess(genomes) == 0]
        return genomes[np.array([genome not in known for genome in _genomes(genomes)], bool)]


def _genomes(rows: Sequence[np.ndarray]) -> list[Genome]:
    return [tuple(map(int, row)) for row in rows]
