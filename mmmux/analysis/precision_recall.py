"""Precision, recall and F1 of each class at every score, as curves, a table and a JSON file."""
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mmmux.utils.atomic_write import write_json

_MOST_LINES = 20  # classes up to which a plot has a line for each


@dataclass(frozen=True)
class Curve:
    """The predictions of one class.

    Attributes:
        scores: (N, ), score of each prediction, in descending order.
        right: (N, ), whether the prediction is right.
        positives: number of labelled objects or images of the class, whether found or not.
        metrics: further metrics of the class, for example the average precision of small objects, 0 to 1 or None.
    """
    scores: np.ndarray
    right: np.ndarray
    positives: int
    metrics: Mapping[str, float | None] = field(default_factory=dict)

    @classmethod
    def of(cls, scores: np.ndarray, right: np.ndarray, positives: int, metrics: Mapping | None = None) -> 'Curve':
        """Sort predictions by their scores.

        Args:
            scores: (N, ), in any order.
            right: (N, ), in the same order.
            positives, metrics: as the attributes.
        """
        order = np.argsort(-np.asarray(scores), kind='stable')
        return cls(np.asarray(scores)[order], np.asarray(right, bool)[order], positives, metrics or {})

    @property
    def ends(self) -> np.ndarray:
        """Index of the last prediction of each score, (M, ): predictions of equal scores have one threshold."""
        return np.flatnonzero(np.append(np.diff(self.scores) != 0, True)) if len(self.scores) else np.zeros(0, int)

    @property
    def precision(self) -> np.ndarray:
        """Share of right predictions among those with at least each score, (M, ), 0 to 1."""
        return np.cumsum(self.right)[self.ends] / (self.ends + 1)

    @property
    def recall(self) -> np.ndarray:
        """Share of the labelled that is found with at least each score, (M, ), 0 to 1."""
        return np.cumsum(self.right)[self.ends] / max(1, self.positives)

    @property
    def f1(self) -> np.ndarray:
        """Harmonic mean of precision and recall, (M, ), 0 to 1."""
        return 2 * np.cumsum(self.right)[self.ends] / np.maximum(1, self.ends + 1 + self.positives)

    def best(self) -> dict[str, float | int | None]:
        """Return the score with the largest F1, with precision, recall and F1 there, the number of labelled, and `metrics`.

        The four values are None for a class that is not labelled, or 0 and a score of None for one that is never predicted.
        """
        if not self.positives or not len(self.scores):
            value = 0. if self.positives else None
            return dict(labelled=self.positives, score=None, precision=value, recall=value, f1=value, **self.metrics)
        place = int(np.argmax(self.f1))
        values = dict(score=self.scores[self.ends[place]], precision=self.precision[place], recall=self.recall[place],
                      f1=self.f1[place])
        return dict(labelled=self.positives, **{name: float(value) for name, value in values.items()}, **self.metrics)


@dataclass(frozen=True)
class PrecisionRecall:
    """The curves of all classes of a test.

    Attributes:
        classes: the curves, by class name.
        unit: the name of the counted things, for example 'objects'.
        metrics: metrics of all classes together, by name, 0 to 1 or None.
    """
    classes: Mapping[str, Curve]
    unit: str
    metrics: Mapping[str, float | None] = field(default_factory=dict)

    def write(self, folder: Path) -> list[Path]:
        """Write `precision_recall.json` and `precision_recall.png` into a folder, which is created, and return their paths.

        The JSON file has for each class the values of :meth:`Curve.best` and the lists `scores`, `precision` and `recall`.
        """
        folder.mkdir(parents=True, exist_ok=True)
        paths = [folder / 'precision_recall.json', folder / 'precision_recall.png']
        by_class = {}
        for name, curve in self.classes.items():
            points = dict(scores=curve.scores[curve.ends], precision=curve.precision, recall=curve.recall)
            by_class[name] = dict(best=curve.best(), **{key: np.round(values, 5).tolist() for key, values in points.items()})
        write_json(paths[0], dict(unit=self.unit, metrics=dict(self.metrics), classes=by_class))
        self._draw(paths[1])
        return paths

    def _draw(self, path: Path) -> None:
        # Slow to import; not pyplot, whose choice of a backend holds for the whole process.
        from matplotlib.figure import Figure
        figure = Figure(figsize=(11, 4.5), layout='constrained')
        left, right = figure.subplots(1, 2)
        shown = sorted(self.classes.items(), key=lambda item: -item[1].positives)[:_MOST_LINES]
        shown = [(name, curve) for name, curve in shown if len(curve.scores)]
        for name, curve in shown:
            left.plot(np.append(0, curve.recall), np.append(curve.precision[:1], curve.precision), label=name)
            right.plot(curve.scores[curve.ends], curve.f1, label=name)
        left.set(xlabel='recall', ylabel='precision', xlim=(0, 1), ylim=(0, 1.02))
        right.set(xlabel='lowest score that counts', ylabel='F1', xlim=(0, 1), ylim=(0, 1.02))
        if shown:
            left.legend(fontsize=8)
        if len(shown) < len(self.classes):
            title = f'{len(shown)} of {len(self.classes)} classes: those that are predicted, with most {self.unit}'
            left.set_title(title, fontsize=9)
        figure.savefig(path, dpi=110)


def one_against_all(scores: np.ndarray, labelled: np.ndarray, classes: Sequence[str]) -> PrecisionRecall:
    """Compute the curves of a classifier: each class against all others.

    Args:
        scores: (N, C), of N images and C classes.
        labelled: (N, C), whether the image has the class.
        classes: the C names.
    """
    return PrecisionRecall({name: Curve.of(scores[:, number], labelled[:, number], int(labelled[:, number].sum()))
                            for number, name in enumerate(classes)}, 'pictures')


def table(found: PrecisionRecall) -> str:
    """Return a text table: for each class the values at the score with the largest F1, and the further metrics."""
    rows = {name: curve.best() for name, curve in found.classes.items()}
    further = [key for key in next(iter(rows.values()), {}) if key not in ('labelled', 'score', 'precision', 'recall', 'f1')]
    lines = [f'{"class":<24}{"labelled":>10}{"score":>8}{"precision":>11}{"recall":>8}{"F1":>7}'
             + ''.join(f'{key:>11}' for key in further)]
    for name, row in rows.items():
        lines.append(f'{name[:23]:<24}{row["labelled"]:>10}{_cell(row["score"]):>8}{_cell(row["precision"]):>11}'
                     f'{_cell(row["recall"]):>8}{_cell(row["f1"]):>7}' + ''.join(f'{_cell(row[key]):>11}' for key in further))
    if found.metrics:
        lines.append('all classes: ' + ', '.join(f'{key} {_cell(value)}' for key, value in found.metrics.items()))
    return '\n'.join(lines)


def _cell(value: float | None) -> str:
    return '-' if value is None else f'{value:.3f}'
