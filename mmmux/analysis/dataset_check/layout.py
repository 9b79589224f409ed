"""Base class of the layouts: how the data set check lists and reads the images of one kind of data set."""
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from .decoding import Decoder
from .findings import SIZE_MISMATCH, Finding, Reading


class Layout(ABC):
    """Read a data set image by image. Each kind of data set has a subclass.

    Args:
        dataset (BaseDataset): built with `lazy_init=True`, so that it has not read or refused anything yet.

    Attributes:
        COUNTED: the unit of `Reading.counts`: 'boxes', 'pixels' or 'pictures'.
        READS_ALL_AT_START: whether the data set itself opens every image when it starts; the check does not start it then,
            because reading all images twice takes too long. Default: False.
        names: image names, as in a `leave_out` file, without the images that such a file excludes already.
        classes: class names, by class number.
        findings: defects of the list of images itself; their `where` is filled in later.
        notes: sentences about data that is not checked.
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
        """Return the input of the pipeline for an image.

        Args:
            index (int): index into `names`.

        Returns:
            dict: `img_path` or `img`, and the other entries that the loading transforms need.
        """

    @abstractmethod
    def examine(self, index: int, info: dict, image: np.ndarray | None, reading: Reading) -> None:
        """Read the annotation of an image, and record its classes, boxes and defects.

        Args:
            index (int): index into `names`.
            info (dict): the result of :meth:`info`.
            image (np.ndarray, optional): (H, W, C) or (H, W); None if the image could not be decoded.
            reading (Reading): receives the results.
        """

    def read(self, index: int) -> Reading:
        """Read the image at an index, and its annotation."""
        reading = Reading(self.names[index])
        info = self.info(index)
        image = self.decoder.decode(info, reading)
        self.examine(index, info, image, reading)
        if image is None:  # its labels cannot be trained on, so they are not counted
            reading.counts, reading.boxes, reading.ignored = {}, None, 0
        return reading

    def note_of_ignored(self, ignored: int, counted: int) -> str:
        """Return a note about the pixels that training and testing ignore.

        Args:
            ignored (int): their number in all label maps.
            counted (int): the number of pixels of all classes.
        """
        return f'{ignored} of {ignored + counted} {self.COUNTED} are ignored'


def distinct(classes: Sequence[str]) -> tuple[str, ...]:
    """Return the class names, with the class number added to names that several classes have (ImageNet has two 'crane')."""
    times = Counter(classes)
    return tuple(f'{name} ({number})' if times[name] > 1 else name for number, name in enumerate(classes))


def compare_sizes(said: tuple[int, int] | None, source: str, image: np.ndarray | None, reading: Reading) -> None:
    """Record a problem if an image does not have the size that its annotation states.

    Args:
        said (tuple[int, int], optional): (width, height) in the annotation, in pixels; None if it states none.
        source (str): where the annotation states it, for the message.
        image (np.ndarray, optional): (H, W, C) or (H, W); None if the image could not be decoded.
        reading (Reading): receives the problem.
    """
    if image is None or said is None or said == (image.shape[1], image.shape[0]):
        return
    height, width = image.shape[:2]
    turned = ' (the picture may have an EXIF tag that rotates it)' if said == (height, width) else ''
    reading.add(SIZE_MISMATCH, f'picture has {width} x {height} pixels, but {source} states {said[0]} x {said[1]}{turned}')
