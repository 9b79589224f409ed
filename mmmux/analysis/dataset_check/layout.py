"""What the layouts of data sets have in common: names, and a reading of each picture."""
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from .decoding import Decoder
from .findings import SIZE_MISMATCH, Finding, Reading


class Layout(ABC):
    """A data set that is read picture by picture. Each kind of data set has a subclass.

    Args:
        dataset: built with `lazy_init`, so that nothing is read nor refused yet.

    Attributes:
        COUNTED: what `Reading.counts` counts: 'boxes', 'pixels' or 'pictures'.
        READS_ALL_AT_START: whether the data set itself opens every picture when it starts, which takes too long to do twice.
        names: of the pictures, as a `leave_out` file has them; those that it leaves out already are not among them.
        classes: class names by number.
        findings: what is wrong with the list itself, `where` being filled in later.
        notes: sentences about what is not checked.
    """

    COUNTED: ClassVar[str]
    READS_ALL_AT_START: ClassVar[bool] = False

    def __init__(self, dataset):
        self.dataset = dataset
        self.names: Sequence[str] = ()
        self.classes: tuple[str, ...] = distinct(dataset.metainfo.get('classes') or ())
        self.findings: list[Finding] = []
        self.notes: list[str] = []
        self.decoder = Decoder(dataset.pipeline.transforms)

    @abstractmethod
    def info(self, index: int) -> dict:
        """What the pipeline starts from: `img_path`, or `img`, and what else its loading transforms need."""

    @abstractmethod
    def examine(self, index: int, info: dict, image: np.ndarray | None, reading: Reading) -> None:
        """Read the annotation of a picture, which is None if it could not be decoded, and note what is in it."""

    def read(self, index: int) -> Reading:
        """Read a picture and its annotation."""
        reading = Reading(self.names[index])
        info = self.info(index)
        image = self.decoder.decode(info, reading)
        self.examine(index, info, image, reading)
        if image is None:  # nothing can be learned from it
            reading.counts, reading.boxes = {}, None
        return reading


def distinct(classes: Sequence[str]) -> tuple[str, ...]:
    """Class names; those that several classes have, as two of ImageNet's are called crane, with their numbers."""
    times = Counter(classes)
    return tuple(f'{name} ({number})' if times[name] > 1 else name for number, name in enumerate(classes))


def compare_sizes(said: tuple[int, int] | None, source: str, image: np.ndarray | None, reading: Reading) -> None:
    """Note if a picture is not of the size (width, height) that an annotation says."""
    if image is None or said is None or said == (image.shape[1], image.shape[0]):
        return
    height, width = image.shape[:2]
    turned = ' (the picture may have an EXIF tag that turns it)' if said == (height, width) else ''
    reading.add(SIZE_MISMATCH, f'picture is {width} x {height} pixels and {source} says {said[0]} x {said[1]}{turned}')
