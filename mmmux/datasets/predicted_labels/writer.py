"""The interface of a writer of predictions."""
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np


class Objects(NamedTuple):
    """The objects that were found in one image.

    Attributes:
        boxes: (N, 4), x1, y1, x2, y2 in pixels, inside the image and with an area.
        labels: (N, ), class numbers.
        scores: (N, ), 0 to 1.
    """
    boxes: np.ndarray
    labels: np.ndarray
    scores: np.ndarray

    @classmethod
    def inside(cls, boxes: np.ndarray, labels: np.ndarray, scores: np.ndarray, size: tuple[int, int]) -> 'Objects':
        """Clip boxes to an image, and leave out those without an area.

        Args:
            boxes: (N, 4), x1, y1, x2, y2 in pixels.
            labels: (N, ), class numbers.
            scores: (N, ), 0 to 1.
            size: (width, height) of the image in pixels.
        """
        boxes = np.clip(np.asarray(boxes, np.float64).reshape(-1, 4), 0, [*size, *size])
        kept = (boxes[:, 2:] > boxes[:, :2]).all(1)
        return cls(boxes[kept], np.asarray(labels)[kept], np.asarray(scores)[kept])


class LabelWriter(ABC):
    """Base class of a writer of predictions in one format.

    Args:
        folder: folder to write into, which is created.
        classes: the class names.
    """

    def __init__(self, folder: Path, classes: Sequence[str]):
        self.folder, self.classes = folder, tuple(classes)
        folder.mkdir(parents=True, exist_ok=True)

    @abstractmethod
    def add(self, name: Path, size: tuple[int, int], prediction: Any) -> None:
        """Write, or keep for :meth:`close`, the prediction for one image.

        Args:
            name: name of the image file, relative to the folder of all images.
            size: (width, height) of the image in pixels.
            prediction: what :meth:`mmmux.tasks.Task.written` returns, for example :class:`Objects`.
        """

    def close(self) -> None:  # noqa: B027  most formats have one file for each image
        """Write the files that hold the predictions for all images."""

    def path(self, name: Path, suffix: str, *folders: str) -> Path:
        """Return the path of an image's own file in the subfolders of `folder`, which are created.

        Args:
            name: name of the image file, relative to the folder of all images.
            suffix: suffix of the path, for example '.xml'.
            *folders: names of subfolders.
        """
        path = self.folder.joinpath(*folders, name).with_suffix(suffix)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path
