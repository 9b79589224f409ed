"""What is found in a data set: about one picture while it is read, and about the sets in the end."""
from dataclasses import dataclass, field

import numpy as np

UNREADABLE_PICTURE = 'unreadable pictures'
UNREADABLE_ANNOTATION = 'unreadable annotations'
SIZE_MISMATCH = 'size mismatches'
UNKNOWN_CLASS = 'unknown classes'
NOT_A_NUMBER = 'boxes that are no numbers'
WITHOUT_AREA = 'boxes without area'
OUTSIDE = 'boxes outside the picture'
SAME_WITHIN = 'duplicates within a set'
SAME_ACROSS = 'duplicates across sets'
NO_EXAMPLE = 'classes without an example to train on'
REFUSED = 'sets that training or testing refuses'
# In the order of a report.
KINDS = (UNREADABLE_PICTURE, UNREADABLE_ANNOTATION, SIZE_MISMATCH, UNKNOWN_CLASS, NOT_A_NUMBER, WITHOUT_AREA, OUTSIDE,
         SAME_WITHIN, SAME_ACROSS, NO_EXAMPLE, REFUSED)


@dataclass(frozen=True)
class Problem:
    """Something wrong in a picture or its annotation.

    Attributes:
        kind: one of `KINDS`.
        sentence: what, without the picture's name; of an unknown class, its name or number alone.
        count: how often: boxes, or pixels of an unknown class.
    """
    kind: str
    sentence: str
    count: int = 1


@dataclass
class Reading:
    """What is kept of a picture that was read; small, as there are as many as pictures.

    Attributes:
        name: as a `leave_out` file has it.
        file, pixels: SHA-256 of the file and of the decoded pixels; None where there are none.
        problems: what is wrong with it.
        counts: for each class number its boxes or pixels that can be used, or 1 for a picture of the class.
        boxes: (n, 2), float32: square roots of the boxes' areas in pixels, and of their shares of the picture.
    """
    name: str
    file: bytes | None = None
    pixels: bytes | None = None
    problems: list[Problem] = field(default_factory=list)
    counts: dict[int, int] = field(default_factory=dict)
    boxes: np.ndarray | None = None

    def add(self, kind: str, sentence: str, count: int = 1) -> None:
        """Say that something is wrong."""
        self.problems.append(Problem(kind, sentence, count))


@dataclass(frozen=True)
class Finding:
    """A line of the report.

    Attributes:
        kind: one of `KINDS`.
        where: the set, e.g. 'train'.
        sentence: what is wrong, the picture's name included.
        names: the pictures concerned that would be left out to mend it.
        count: how many things: boxes for kinds that are about boxes, otherwise 1.
    """
    kind: str
    where: str
    sentence: str
    names: tuple[str, ...] = ()
    count: int = 1
