"""Which results are on the front, and how much of the space of objectives the front covers.

The hypervolume (Zitzler and Thiele, "Multiobjective evolutionary algorithms: a comparative case study and the strength Pareto
approach", 1999) is the one number that grows when a front comes closer or gets denser.
"""
from collections.abc import Sequence
from dataclasses import dataclass

import moocore
import numpy as np


def front(values: np.ndarray) -> np.ndarray:
    """Indices, ascending, of the rows of (N, objectives) that no other row dominates; of equal rows the first."""
    return np.flatnonzero(moocore.is_nondominated(values)) if len(values) else np.zeros(0, int)


@dataclass(frozen=True)
class Box:
    """The part of the space of objectives that a search looks at; what lies outside counts nothing.

    The error is scaled evenly. Parameters, multiply-adds and latency are scaled by their logarithm: halving them counts as much
    for a small network as for a large one.

    Attributes:
        objectives: names, 'error' among them.
        lower: for each objective, a value that no result is below.
        upper: for each objective, the reference value that the hypervolume is taken to.
    """
    objectives: tuple[str, ...]
    lower: tuple[float, ...]
    upper: tuple[float, ...]

    @classmethod
    def around(cls, objectives: Sequence[str], values: np.ndarray) -> 'Box':
        """The smallest box around values (N, objectives)."""
        return cls(tuple(objectives), tuple(values.min(0).tolist()), tuple(values.max(0).tolist()))

    def normalise(self, values: np.ndarray) -> np.ndarray:
        """Values (N, objectives) such that the box becomes the unit cube; outside it they are below 0 or above 1."""
        logarithmic = np.array([name != 'error' for name in self.objectives])
        values, lower, upper = (np.where(logarithmic, np.log(np.where(logarithmic, array, 1)), array)
                                for array in (values, np.array(self.lower), np.array(self.upper)))
        return (values - lower) / np.where(upper > lower, upper - lower, 1)

    def hypervolume(self, values: np.ndarray) -> float:
        """Share of the box that values (N, objectives) dominate, from 0 to 1."""
        return cube_hypervolume(self.normalise(values))


def cube_hypervolume(points: np.ndarray) -> float:
    """Share of the unit cube that points (N, objectives) dominate; coordinates below 0 count as 0."""
    return float(moocore.hypervolume(np.maximum(points, 0), ref=np.ones(points.shape[1]))) if len(points) else 0.


def most_hypervolume(candidates: np.ndarray, known: np.ndarray, count: int) -> list[int]:
    """Choose candidates that together add most hypervolume to what is known, each in turn adding most to those before it.

    Adding greedily comes within 1 - 1/e of the best choice (Nemhauser et al., 1978: hypervolume is submodular).

    Args:
        candidates: points (N, objectives) in the unit cube.
        known: points (M, objectives) that are there already.
        count: how many to choose.

    Returns:
        list[int]: at most `count` indices of candidates, fewer where no other candidate adds anything.
    """
    chosen: list[int] = []
    known = known[front(known)]
    total = cube_hypervolume(known)
    # A candidate can never add more than it did to fewer points, so that most need not be looked at again.
    bound = np.full(len(candidates), np.inf)
    while len(chosen) < count:
        best, gain = -1, 0.
        for index in np.argsort(-bound, kind='stable'):
            if bound[index] <= gain:
                break
            bound[index] = cube_hypervolume(np.vstack([known, candidates[index]])) - total
            if bound[index] > gain + 1e-12:
                best, gain = int(index), bound[index]
        if best < 0:
            break
        chosen.append(best)
        known = np.vstack([known, candidates[best]])
        total += gain
        bound[best] = 0
    return chosen
