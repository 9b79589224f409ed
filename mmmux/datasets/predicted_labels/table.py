"""Write the classes of images as a table."""
import csv
from collections.abc import Sequence
from pathlib import Path

from .writer import LabelWriter


class ScoreTable(LabelWriter):
    """Write `predictions.csv` with the columns `picture`, `class` and `score`, and a row for each predicted class.

    Args:
        folder: as in :class:`LabelWriter`.
        classes: the class names.
    """

    def __init__(self, folder: Path, classes: Sequence[str]):
        super().__init__(folder, classes)
        self._rows = []

    def add(self, name: Path, size: tuple[int, int], prediction: Sequence[tuple[int, float]]) -> None:
        """Keep the class numbers and scores of one image, see :meth:`LabelWriter.add`."""
        self._rows += [(name.as_posix(), self.classes[label], f'{score:.5f}') for label, score in prediction]

    def close(self) -> None:
        """Write the table."""
        with open(self.folder / 'predictions.csv', 'w', newline='', encoding='utf-8') as file:
            csv.writer(file).writerows([('picture', 'class', 'score'), *self._rows])
