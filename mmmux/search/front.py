"""Find the results on the Pareto front and the hypervolume that the front dominates.

The hypervolume (Zitzler and Thiele, "Multiobjective evolutionary algorithms: a comparative case study and the strength Pareto
approach", 1999) is a single number that grows when the front improves or becomes denser.
"""
from collections.abc import Sequence
from dataclasses import dataclass

import moocore
import numpy as np


def front(values: np.ndarray) -> np.ndarray:
    """Find the rows that no other row dominates.

    Args:
        values (ndarray): (N, objectives), all minimised.

    Returns:
        ndarray: Ascending row indices; of equal rows, the first.
    """
    return np.flatnonzero(moocore.is_nondominated(values)) if len(values) else np.zeros(0, int)


@dataclass(frozen=True)
class Box:
    """The part of the objective space in which a search measures the hypervolume; values outside add nothing.

    The error is scaled linearly. Parameters, multiply-adds and latency are scaled logarithmically, so that halving them has the
    same effect for a small network and for a large one.

    Attributes:
        objectives (tuple[str]): Names of the objectives, with 'error' among them.
        lower (tuple[float]): Lower bound of each objective.
        upper (tuple[float]): Reference value of the hypervolume for each objective.
    """
    objectives: tuple[str, ...]
    lower: tuple[float, ...]
    upper: tuple[float, ...]

    @classmethod
    def around(cls, objectives: Sequence[str], values: np.ndarray) -> 'Box':
        """Return the smallest box that contains all values.

        Args:
            objectives (Sequence[str]): Names of the objectives.
            values (ndarray): (N, objectives).

        Returns:
            Box: The box.
        """
        return cls(tuple(objectives), tuple(values.min(0).tolist()), tuple(values.max(0).tolist()))

    def normalise(self, values: np.ndarray) -> np.ndarray:
        """Scale values so that the box becomes the unit cube; values outside the box become less than 0 or greater than 1.

        Args:
            values (ndarray): (N, objectives).

        Returns:
            ndarray: (N, objectives).
        """
        logarithmic = np.array([name != 'error' for name in self.objectives])
        values, lower, upper = (np.where(logarithmic, np.log(np.where(logarithmic, array, 1)), array)
                                for array in (values, np.array(self.lower), np.array(self.upper)))
        return (values - lower) / np.where(upper > lower, upper - lower, 1)

    def hypervolume(self, values: np.ndarray) -> float:
        """Compute the fraction of the box that values dominate, 0 to 1.

        Args:
            values (ndarray): (N, objectives).

        Returns:
            float: The fraction; 0 without values.
        """
        return cube_hypervolume(self.normalise(values))


def cube_hypervolume(points: np.ndarray) -> float:
    """Compute the fraction of the unit cube that points dominate, 0 to 1.

    Args:
        points (ndarray): (N, objectives); coordinates below 0 count as 0.

    Returns:
        float: The fraction; 0 without points.
    """
    return float(moocore.hypervolume(np.maximum(points, 0), ref=np.ones(points.shape[1]))) if len(points) else 0.


def most_hypervolume(candidates: np.ndarray, known: np.ndarray, count: int) -> list[int]:
    """Choose the candidates that add most hypervolume to known points, one after another.

    The greedy choice reaches at least 1 - 1/e of the best possible gain, because the hypervolume is submodular (Nemhauser et
    al., 1978).

    Args:
        candidates (ndarray): Points (N, objectives) in the unit cube.
        known (ndarray): Known points (M, objectives).
        count (int): Number of candidates to choose.

    Returns:
        list[int]: Indices of the chosen candidates; fewer than `count` if no other candidate adds hypervolume.
    """
    chosen: list[int] = []
    known = known[front(known)]
    total = cube_hypervolume(known)
    # A candidate never adds more than it added to fewer points, so most candidates need no second computation.
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
