"""What became of each generation: front, hypervolume, and whether the surrogate had ranked its networks rightly."""
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

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
    """A generation after its last result.

    Attributes:
        generation: its number.
        evaluations: so far, in all.
        good: those with a result.
        front: results on the front.
        hypervolume: share of a box that does not change, see :func:`fixed_box`.
        predicted: of each network of this generation the error as the surrogate saw it before; None without a surrogate.
        spearman, kendall: rank correlation of these predictions and the results.
        spearman_so_far, kendall_so_far: of all predictions so far, each made before its result.
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
    """The records of a search, kept in its work dir. What is missing there is worked out again from the evaluations.

    Args:
        work_dir: of the search.
        strategy: that proposed the networks.
    """

    def __init__(self, work_dir: Path, strategy: Strategy):
        self.path = work_dir / GENERATIONS_FILE
        self.strategy = strategy
        self.records = [GenerationRecord(**record) for record in json.loads(self.path.read_text())] \
            if self.path.exists() else []

    def add(self, evaluations: Sequence[Evaluation]) -> GenerationRecord:
        """The record of the last generation of evaluations, which end with its last one; earlier ones are completed."""
        last = max(evaluation.generation for evaluation in evaluations)
        del self.records[last:]
        while len(self.records) <= last:
            self.records.append(self._record(len(self.records), evaluations))
        self._write()
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

    def _write(self) -> None:
        passing = self.path.with_suffix('.tmp')
        passing.write_text(json.dumps([asdict(record) for record in self.records], indent=1) + '\n')
        os.replace(passing, self.path)


def fixed_box(feasible: Feasible, objectives: Sequence[str], evaluations: Sequence[Evaluation]) -> Box | None:
    """The box that a search's hypervolume is the share of, the same from the first generation with results on.

    It reaches from error 0, the least costs and half of the least latency to the largest values among that generation's results
    and random networks within the budgets.

    Returns:
        Box: None as long as there are no results.
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
