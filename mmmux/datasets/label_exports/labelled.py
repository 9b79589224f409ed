"""The labelled pictures of an export of any format."""
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mmmux.utils.errors import ConfigError


@dataclass(frozen=True)
class Labelled:
    """A picture with its boxes.

    Attributes:
        path: of the picture, relative to the export.
        boxes: corners in pixels, (N, 4), x1 y1 x2 y2.
        labels: class numbers, (N, ).
        crowd: whether a box is around a crowd, which is not trained on, (N, ).
    """
    path: Path
    boxes: np.ndarray
    labels: np.ndarray
    crowd: np.ndarray


@dataclass
class Export:
    """The content of an export.

    Attributes:
        format: its format, in words.
        classes: the class names, by number.
        splits: the pictures by split: 'train', 'val', 'test' or 'all'.
        left_out: what could not be used, in words, with its number.
    """
    format: str
    classes: tuple[str, ...]
    splits: dict[str, list[Labelled]] = field(default_factory=dict)
    left_out: Counter = field(default_factory=Counter)

    def add(self, split: str, pictures: list[Labelled]) -> None:
        """Add pictures to a split."""
        self.splits.setdefault(split, []).extend(pictures)


def detection_dataset():
    """Return supervision's class of detection data sets.

    Raises:
        ConfigError: supervision is not installed.
    """
    try:
        from supervision import DetectionDataset
    except ImportError as error:
        raise ConfigError("reading exports of labelling tools needs supervision, which cannot be imported "
                          f"({error}): pip install 'mmmux[labels]'") from None
    return DetectionDataset
