"""Count how often each class is predicted as each other: a confusion matrix, with precision and recall of each class."""
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mmmux.utils.atomic_write import write_text
from mmmux.utils.valid_json import dumps

BACKGROUND = 'background'  # of a detector: the row of boxes where nothing is, and the column of objects without a box
_MOST_NUMBERS = 40  # classes up to which every cell of the picture has its number


@dataclass(frozen=True)
class Confusion:
    """A confusion matrix.

    Attributes:
        names: of the rows and columns.
        counts: (N, N) integers, how often the class of the row was predicted as the class of the column.
        unit: name of the counted things, e.g. 'pixels'.
    """
    names: tuple[str, ...]
    counts: np.ndarray
    unit: str

    def by_class(self) -> dict[str, dict]:
        """Return counts, precision, recall and F1 (0 to 1, or None where nothing was counted) of each class."""
        right, labelled, predicted = np.diag(self.counts), self.counts.sum(1), self.counts.sum(0)
        rows = {}
        for name, hits, there, said in zip(self.names, right.tolist(), labelled.tolist(), predicted.tolist()):
            if name != BACKGROUND:
                rows[name] = dict(labelled=there, predicted=said, right=hits, precision=hits / said if said else None,
                                  recall=hits / there if there else None,
                                  f1=2 * hits / (there + said) if there + said else None)
        return rows

    def write(self, folder: Path) -> list[Path]:
        """Write `confusion_matrix.json` and `confusion_matrix.png` into a folder, which is created, and return their paths."""
        folder.mkdir(parents=True, exist_ok=True)
        paths = [folder / 'confusion_matrix.json', folder / 'confusion_matrix.png']
        write_text(paths[0], dumps(dict(unit=self.unit, rows='labelled', columns='predicted', classes=self.names,
                                             matrix=self.counts.tolist(), by_class=self.by_class()), indent=1,
                                        ensure_ascii=False) + '\n')
        self._draw(paths[1])
        return paths

    def _draw(self, path: Path) -> None:
        from matplotlib.figure import Figure  # slow to import, and every task imports this module
        size = max(4., min(24., 0.45 * len(self.names) + 2))
        figure = Figure(figsize=(size, size), layout='constrained')
        axes = figure.subplots()
        shares = self.counts / np.maximum(self.counts.sum(1, keepdims=True), 1)
        axes.imshow(shares, cmap='Blues', vmin=0, vmax=1)
        axes.set(xlabel='predicted', ylabel='labelled', title=f'% of the {self.unit} of each row')
        axes.set_xticks(range(len(self.names)), self.names, rotation=90)
        axes.set_yticks(range(len(self.names)), self.names)
        if len(self.names) <= _MOST_NUMBERS:
            for (row, column), share in np.ndenumerate(shares):
                axes.text(column, row, f'{100 * share:.0f}', ha='center', va='center', fontsize=7,
                          color='white' if share > 0.5 else 'black')
        figure.savefig(path, dpi=110)


def pairs(labelled: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Count pairs of class numbers.

    Args:
        labelled: class numbers of any shape, all below `classes`.
        predicted: as `labelled`.
        classes: number of classes.

    Returns:
        np.ndarray: (classes, classes) integers, rows for `labelled`.
    """
    index = labelled.astype(np.int64).ravel() * classes + predicted.astype(np.int64).ravel()
    return np.bincount(index, minlength=classes**2).reshape(classes, classes)


def box_pairs(truth: np.ndarray, labels: np.ndarray, ignored: np.ndarray, boxes: np.ndarray, predicted: np.ndarray,
              scores: np.ndarray, classes: int, iou: float) -> np.ndarray:
    """Count matched objects of one image, each once.

    In the order of their scores, boxes take the object of the largest overlap that no box has taken, of their own class if
    there is one, else of another. A box without an object is counted as labelled background, unless an ignored object, which is
    counted nowhere, overlaps it enough; an object without a box is counted as predicted background.

    Args:
        truth: (N, 4), corners of the objects in pixels.
        labels: (N, ), their class numbers.
        ignored: (N, ), whether to ignore them, e.g. as 'difficult'.
        boxes: (M, 4), corners of the boxes that were found.
        predicted: (M, ), their class numbers.
        scores: (M, ), their scores.
        classes: number of classes.
        iou: lowest overlap, intersection over union, 0 to 1, of a match.

    Returns:
        np.ndarray: (classes + 1, classes + 1) integers; the last row and column are of the background.
    """
    counts = np.zeros((classes + 1, classes + 1), np.int64)
    overlaps = overlap(boxes, truth)
    free = ~ignored
    for box in np.argsort(-scores, kind='stable'):
        near = (overlaps[box] >= iou) & free
        same = near & (labels == predicted[box])
        candidates = same if same.any() else near
        if candidates.any():
            match = int(np.argmax(np.where(candidates, overlaps[box], -1)))
            free[match] = False
            counts[labels[match], predicted[box]] += 1
        elif not (overlaps[box][ignored] >= iou).any():
            counts[classes, predicted[box]] += 1
    for label in labels[free]:
        counts[label, classes] += 1
    return counts


def overlap(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the intersection over union of all pairs of boxes.

    Args:
        first: (M, 4), x1, y1, x2, y2 in pixels.
        second: (N, 4).

    Returns:
        np.ndarray: (M, N), 0 to 1.
    """
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    common = np.clip(high - low, 0, None).prod(-1)
    areas = [np.clip(boxes[:, 2:] - boxes[:, :2], 0, None).prod(-1) for boxes in (first, second)]
    return common / np.maximum(areas[0][:, None] + areas[1][None] - common, 1e-9)


def table(confusion: Confusion) -> str:
    """Return a text table of precision, recall and F1, and the most frequent confusion of each class."""
    lines = [f'{"class":<24}{"labelled":>12}{"precision":>11}{"recall":>9}{"F1":>7}   most often taken for']
    for number, (name, row) in enumerate(confusion.by_class().items()):
        wrong = confusion.counts[number].copy()
        wrong[number] = 0
        taken = f'{confusion.names[int(wrong.argmax())]} ({wrong.max() / max(1, row["labelled"]):.1%})' if wrong.any() else '-'
        shown = [f'{row[key]:.3f}' if row[key] is not None else '-' for key in ('precision', 'recall', 'f1')]
        lines.append(f'{name[:23]:<24}{row["labelled"]:>12}{shown[0]:>11}{shown[1]:>9}{shown[2]:>7}   {taken}')
    return '\n'.join(lines)


def merged(parts: Sequence[np.ndarray], names: Sequence[str], unit: str) -> Confusion:
    """Return the matrix of all images, from the counts of each."""
    return Confusion(tuple(names), sum(parts, np.zeros((len(names), ) * 2, np.int64)), unit)
