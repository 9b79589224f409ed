"""Are annotated boxes boxes, and inside their picture?"""
import math
from typing import NamedTuple

import numpy as np

from .findings import NOT_A_NUMBER, OUTSIDE, UNKNOWN_CLASS, WITHOUT_AREA, Reading

_SHOWN = 3


class AnnotatedBox(NamedTuple):
    """A box as it is annotated: class name, corners x1, y1, x2, y2 in pixels from 0, and how the annotation writes it."""
    name: str
    corners: tuple[float, float, float, float]
    written: tuple[float, ...]


class Shortest(NamedTuple):
    """The shortest sides, in pixels, of boxes that a data set keeps: their own, and of their part inside the picture."""
    side: float
    inside: float


def examine_boxes(boxes: list[AnnotatedBox], labels: dict[str, int], size: tuple[int, int] | None, shortest: Shortest,
                  reading: Reading) -> None:
    """Note the flaws of the boxes of a picture, and classes and sizes of those that have none.

    Args:
        boxes: all of them.
        labels: class numbers by name.
        size: (width, height) of the picture in pixels; None if it is not known.
        shortest: sides of boxes that count as boxes.
        reading: where it is noted.
    """
    unknown: dict[str, int] = {}
    flawed: dict[str, list[AnnotatedBox]] = {NOT_A_NUMBER: [], WITHOUT_AREA: [], OUTSIDE: []}
    sizes = []
    for box in boxes:
        if box.name not in labels:
            unknown[box.name] = unknown.get(box.name, 0) + 1
        x1, y1, x2, y2 = box.corners
        if not all(math.isfinite(corner) for corner in (*box.corners, *box.written)):
            flawed[NOT_A_NUMBER].append(box)
        elif min(x2 - x1, y2 - y1) < shortest.side:
            flawed[WITHOUT_AREA].append(box)
        elif size:
            width, height = min(x2, size[0]) - max(x1, 0), min(y2, size[1]) - max(y1, 0)
            if min(width, height) < shortest.inside:
                flawed[OUTSIDE].append(box)
            else:
                side = math.sqrt(width * height)
                sizes.append((side, side / math.sqrt(size[0] * size[1])))
                if box.name in labels:
                    reading.counts[labels[box.name]] = reading.counts.get(labels[box.name], 0) + 1
    for name, count in unknown.items():
        reading.add(UNKNOWN_CLASS, f"'{name}'", count)
    for kind, found in flawed.items():
        if found:
            shown = ', '.join(f'{box.name} {tuple(round(value, 2) for value in box.written)}' for box in found[:_SHOWN])
            reading.add(kind, f'{shown}{", ..." if len(found) > _SHOWN else ""}', len(found))
    reading.boxes = np.array(sizes, np.float32).reshape(-1, 2)
