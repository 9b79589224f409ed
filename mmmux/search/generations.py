"""Record the front, the hypervolume and the surrogate's rank correlation after each generation."""
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from mmmux.utils.atomic_write import write_text

from .feasible import Feasible
from .front import Box, front
from .journal import Evaluation
from .prediction import measured
from .strategy import Strategy
from .surrogate import rank_correlation

GENERATIONS_FILE = 'generations.json'
_DRAWN = 1000


@dataclass(frozen=True)
class GenerationRecord:
    """The state of a search after the last result of a generation.

    Attributes:
        generation (int): Number of the generation, from 0.
        evaluations (int): Evaluations up to this generation.
        good (int): Evaluations up to this generation that have a result.
        front (int): Results on the front.
        hypervolume (float | None): Fraction of the box of :func:`fixed_box` that the results dominate; None without results.
        predicted (list[float] | None): Error of each network of this generation as the surrogate predicted it before the
            evaluation; None without a surrogate.
        spearman (float | None): Spearman's rank correlation of these predictions with the results.
        kendall (float | None): Kendall's rank correlation of these predictions with the results.
        spearman_so_far (float | None): Spearman's rank correlation over all generations so far.
        kendall_so_far (float | None): Kendall's rank correlation over all generations so far.
    """
    generation: int
    evaluations: int
    good: int
    front: int
    hypervolume: float | None
    predicted: list[float] | None
    spearman: float | None
    kendall: float | None
    spearman_so_far: float | None
    kendall_so_far: float | None


class Generations:
    """The records of a search, which a file in its work dir holds; missing records are computed from the evaluations.

    Args:
        work_dir (Path): Work dir of the search.
        strategy (Strategy): Strategy that proposed the networks.
    """

    def __init__(self, work_dir: Path, strategy: Strategy):
        self.path = work_dir / GENERATIONS_FILE
        self.strategy = strategy
        self.records = [GenerationRecord(**record) for record in json.loads(self.path.read_text())] \
            if self.path.exists() else []

    def add(self, evaluations: Sequence[Evaluation]) -> GenerationRecord:
        """Record the last generation, and the earlier generations that have no record.

        Args:
            evaluations (Sequence[Evaluation]): All evaluations up to the last one of that generation.

        Returns:
            GenerationRecord: Record of the last generation.
        """
        last = max(evaluation.generation for evaluation in evaluations)
        del self.records[last:]
        while len(self.records) <= last:
            self.records.append(self._record(len(self.records), evaluations))
        write_text(self.path, json.dumps([asdict(record) for record in self.records], indent=1) + '\n')
        return self.records[-1]

    def _record(self, generation: int, evaluations: Sequence[Evaluation]) -> GenerationRecord:
        so_far = [evaluation for evaluation in evaluations if evaluation.generation <= generation]
        good = [evaluation for evaluation in so_far if evaluation.done]
        objectives = self.strategy.objectives
        values = measured(good, objectives)
        box = fixed_box(self.strategy.feasible, objectives, evaluations)
        predicted = self._predicted(generation, so_far)
        predictions = {record.generation: record.predicted for record in self.records} | {generation: predicted}
        pairs = [(generation_predicted[evaluation.index], evaluation.error, evaluation.generation) for evaluation in good
                 if (generation_predicted := predictions[evaluation.generation])]
        spearman, kendall = _correlation([pair for pair in pairs if pair[2] == generation])
        spearman_so_far, kendall_so_far = _correlation(pairs)
        return GenerationRecord(generation, len(so_far), len(good), len(front(values)),
                                box.hypervolume(values) if box else None, predicted, spearman, kendall, spearman_so_far,
                                kendall_so_far)

    def _predicted(self, generation: int, so_far: Sequence[Evaluation]) -> list[float] | None:
        predictor = self.strategy.predictor([evaluation for evaluation in so_far if evaluation.generation < generation])
        if predictor is None:
            return None
        genomes = np.array([evaluation.genome for evaluation in so_far if evaluation.generation == generation])
        return predictor(genomes)[:, self.strategy.objectives.index('error')].tolist()


def fixed_box(feasible: Feasible, objectives: Sequence[str], evaluations: Sequence[Evaluation]) -> Box | None:
    """Return the box in which a search measures its hypervolume; it stays the same from the first generation with results on.

    The lower bounds are error 0, the least costs and half of the least latency. The upper bounds are the largest values. Both
    are taken over the results of that generation and, for the costs, over random networks within the budgets.

    Args:
        feasible (Feasible): Space and budgets.
        objectives (Sequence[str]): Names of the objectives.
        evaluations (Sequence[Evaluation]): All evaluations so far.

    Returns:
        Box | None: The box; None without results.
    """
    good = [evaluation for evaluation in evaluations if evaluation.done]
    first = [evaluation for evaluation in good if evaluation.generation == good[0].generation]
    if not first:
        return None
    values = measured(first, objectives)
    drawn = feasible.sample(_DRAWN, np.random.default_rng(0))
    lower, upper = values.min(0), values.max(0)
    for column, name in enumerate(objectives):
        if name in ('params', 'macs'):
            costs = getattr(feasible.costs, name)(drawn)
            lower[column], upper[column] = min(lower[column], costs.min()), max(upper[column], costs.max())
    lower = lower * np.array([{'error': 0, 'latency': 0.5}.get(name, 1) for name in objectives])
    return Box(tuple(objectives), tuple(lower.tolist()), tuple(upper.tolist()))


def _correlation(pairs: Sequence[tuple[float, float, int]]) -> tuple[float | None, float | None]:
    predicted, true = (np.array([pair[column] for pair in pairs]) for column in (0, 1))
    return tuple(None if np.isnan(value) else round(value, 4) for value in rank_correlation(predicted, true))
