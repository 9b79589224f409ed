"""Check annotated boxes of VOC and COCO: finite corners, a non-zero area, a known class, and overlap with the image."""
import math
from collections import Counter
from typing import NamedTuple

import numpy as np

from .findings import NOT_A_NUMBER, OUTSIDE, UNKNOWN_CLASS, WITHOUT_AREA, Reading

_SHOWN = 3


class AnnotatedBox(NamedTuple):
    """An annotated box.

    Attributes:
        name: class name.
        corners: (x1, y1, x2, y2) in pixels counted from 0.
        written: the numbers in the annotation file, for messages.
    """
    name: str
    corners: tuple[float, float, float, float]
    written: tuple[float, ...]


class Shortest(NamedTuple):
    """The shortest sides of boxes that a data set keeps, in pixels.

    Attributes:
        side: of the whole box.
        inside: of the part of the box inside the image.
    """
    side: float
    inside: float


def examine_boxes(boxes: list[AnnotatedBox], labels: dict[str, int], size: tuple[int, int] | None, shortest: Shortest,
                  reading: Reading) -> None:
    """Check the boxes of one image; record the defects, and the classes and sizes of the valid boxes.

    Args:
        boxes (list[AnnotatedBox]): all boxes of the image.
        labels (dict[str, int]): class numbers by name.
        size (tuple[int, int], optional): (width, height) of the image in pixels; None if it is unknown.
        shortest (Shortest): shortest sides of a valid box.
        reading (Reading): receives the problems, the counts by class, and the box sizes.
    """
    flawed: dict[str, list[AnnotatedBox]] = {NOT_A_NUMBER: [], WITHOUT_AREA: [], OUTSIDE: []}
    sizes = []
    for box in boxes:
        flaw = _flaw(box, size, shortest)
        if flaw:
            flawed[flaw].append(box)
        elif size:
            side = math.sqrt(math.prod(_sides_inside(box, size)))
            sizes.append((side, side / math.sqrt(size[0] * size[1])))
            if box.name in labels:
                reading.counts[labels[box.name]] = reading.counts.get(labels[box.name], 0) + 1
    for name, count in Counter(box.name for box in boxes if box.name not in labels).items():
        reading.add(UNKNOWN_CLASS, f"'{name}'", count)
    for kind, found in flawed.items():
        if found:
            shown = ', '.join(f'{box.name} {tuple(round(value, 2) for value in box.written)}' for box in found[:_SHOWN])
            reading.add(kind, f'{shown}{", ..." if len(found) > _SHOWN else ""}', len(found))
    reading.boxes = np.array(sizes, np.float32).reshape(-1, 2)


def _flaw(box: AnnotatedBox, size: tuple[int, int] | None, shortest: Shortest) -> str | None:
    x1, y1, x2, y2 = box.corners
    if not all(math.isfinite(corner) for corner in (*box.corners, *box.written)):
        return NOT_A_NUMBER
    if min(x2 - x1, y2 - y1) < shortest.side:
        return WITHOUT_AREA
    if size and min(_sides_inside(box, size)) < shortest.inside:
        return OUTSIDE
    return None


def _sides_inside(box: AnnotatedBox, size: tuple[int, int]) -> tuple[float, float]:
    """Return width and height of the part of a box inside an image; a side is negative if the box is outside."""
    x1, y1, x2, y2 = box.corners
    return min(x2, size[0]) - max(x1, 0), min(y2, size[1]) - max(y1, 0)
