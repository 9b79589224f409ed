"""Results of the check: the reading of one image, and the findings of the report."""
from dataclasses import dataclass, field

import numpy as np

UNREADABLE_PICTURE = 'unreadable pictures'
NOT_READ = 'pictures that are not read'
UNREADABLE_ANNOTATION = 'unreadable annotations'
SIZE_MISMATCH = 'size mismatches'
UNKNOWN_CLASS = 'unknown classes'
NOT_A_NUMBER = 'boxes that are no numbers'
WITHOUT_AREA = 'boxes without area'
OUTSIDE = 'boxes outside the picture'
SAME_WITHIN = 'duplicates within a set'
SAME_ACROSS = 'duplicates across sets'
NO_EXAMPLE = 'classes without an example to train on'
BEYOND_LIMIT = 'sets with more boxes in a picture than the model returns'
REFUSED = 'sets that training or testing refuses'
# The order in which the report lists them.
KINDS = (UNREADABLE_PICTURE, NOT_READ, UNREADABLE_ANNOTATION, SIZE_MISMATCH, UNKNOWN_CLASS, NOT_A_NUMBER, WITHOUT_AREA, OUTSIDE,
         SAME_WITHIN, SAME_ACROSS, NO_EXAMPLE, BEYOND_LIMIT, REFUSED)


@dataclass(frozen=True)
class Problem:
    """A defect of an image or of its annotation.

    Attributes:
        kind: one of `KINDS`.
        sentence: the description, without the image name; for an unknown class, its name or number alone.
        count: number of boxes, or of pixels of an unknown class. Default: 1.
    """
    kind: str
    sentence: str
    count: int = 1


@dataclass
class Reading:
    """The result of reading one image and its annotation. It is small, because one is kept for every image.

    Attributes:
        name: image name, as in a `leave_out` file.
        file: SHA-256 of the file; None if there is no file or it could not be read.
        pixels: SHA-256 of the decoded pixels; None if the image could not be decoded.
        problems: the defects.
        counts: by class number, the valid boxes or pixels, or 1 for an image of that class.
        ignored: pixels of the label map that training and testing ignore. Default: 0.
        boxes: (n, 2), float32: the square root of each box's area in pixels, and of its share of the image's area; None for
            data sets without boxes.
    """
    name: str
    file: bytes | None = None
    pixels: bytes | None = None
    problems: list[Problem] = field(default_factory=list)
    counts: dict[int, int] = field(default_factory=dict)
    ignored: int = 0
    boxes: np.ndarray | None = None

    def add(self, kind: str, sentence: str, count: int = 1) -> None:
        """Append a problem; the arguments are those of :class:`Problem`."""
        self.problems.append(Problem(kind, sentence, count))


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Attributes:
        kind: one of `KINDS`.
        where: the title of the data set, for example 'train'.
        sentence: the description, including the image name.
        names: names of the images to exclude in order to fix it. Default: ().
        count: number of boxes for kinds that concern boxes, otherwise 1. Default: 1.
    """
    kind: str
    where: str
    sentence: str
    names: tuple[str, ...] = ()
    count: int = 1
