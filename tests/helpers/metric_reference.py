"""Compute metrics of detection and segmentation from their definitions, as a reference for the package's results."""
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image


def overlap(a: Sequence[float], b: Sequence[float]) -> float:
    """Return the intersection over union of two boxes with inclusive corners, as in VOC: a box from 3 to 3 is 1 pixel wide."""
    width = min(a[2], b[2]) - max(a[0], b[0]) + 1
    height = min(a[3], b[3]) - max(a[1], b[1]) + 1
    if width <= 0 or height <= 0:
        return 0.
    area_a, area_b = ((c[2] - c[0] + 1) * (c[3] - c[1] + 1) for c in (a, b))
    return width * height / (area_a + area_b - width * height)


def average_precision(samples: list[tuple], label: int, threshold: float) -> float:
    """Return the average precision of a class at eleven recalls, as defined by VOC 2007's development kit.

    See Everingham et al., IJCV 2010, section 4.2.

    Args:
        samples: for each image its objects, its detections and its difficult objects. Each is a list of
            (label, x1, y1, x2, y2), and a detection has a score as its sixth element.
        label: the class.
        threshold: lowest overlap of a correct detection, 0 to 1.
    """
    wanted = sum(box[0] == label for boxes, _, _ in samples for box in boxes)
    detections = sorted(((found[5], index, found[1:5]) for index, (_, detections, _) in enumerate(samples)
                         for found in detections if found[0] == label), reverse=True)
    taken, hits, points = set(), 0, []
    counted = 0
    for _, index, corners in detections:
        boxes, _, difficult = samples[index]
        candidates = [(overlap(corners, box[1:5]), number < len(boxes), number)
                      for number, box in enumerate([*boxes, *difficult]) if box[0] == label]
        best, real, number = max(candidates, default=(0., False, None))
        if best >= threshold and not real:
            continue  # a difficult object: the detection counts as neither correct nor wrong
        counted += 1
        if best >= threshold and (index, number) not in taken:
            taken.add((index, number))
            hits += 1
        points.append((hits / wanted, hits / counted))
    return sum(max((precision for recall, precision in points if recall >= step / 10), default=0.) for step in range(11)) / 11


def read_label_maps(predicted: Path, labelled: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return (prediction, labels) as arrays (H, W) for each label map in the folder `labelled`."""
    return [tuple(np.asarray(Image.open(folder / path.name)) for folder in (predicted, labelled))
            for path in sorted(labelled.iterdir())]


def segmentation_metrics(maps: Iterable[tuple[np.ndarray, np.ndarray]], classes: Sequence[str], first: int = 0) -> dict:
    """Compute aAcc, mIoU and mAcc in percent, and `IoU/<class>` of every class in the labels or the predictions.

    Args:
        maps: (prediction, labels) pairs of arrays (H, W), both numbered as the data set's label maps.
        classes: class names.
        first: number of the first class in the label maps. Default: 0. Labels outside the classes are ignored.
    """
    counts = np.zeros((len(classes), len(classes)))  # pixels by label (row) and prediction (column)
    for predicted, labels in maps:
        labelled = (labels >= first) & (labels < first + len(classes))
        assert ((predicted >= first) & (predicted < first + len(classes))).all()  # every pixel is predicted as some class
        np.add.at(counts, (labels[labelled] - first, predicted[labelled] - first), 1)
    hit, labelled, predicted = np.diag(counts), counts.sum(1), counts.sum(0)
    with np.errstate(invalid='ignore'):
        ious, recalls = 100 * hit / (labelled + predicted - hit), 100 * hit / labelled
    return {'aAcc': 100 * hit.sum() / counts.sum(), 'mIoU': np.nanmean(ious), 'mAcc': np.nanmean(recalls),
            **{f'IoU/{name}': iou for name, iou in zip(classes, ious) if not np.isnan(iou)}}
