"""Match a detector's boxes with the labelled objects as COCO does, for curves of each class and AP by size of the objects."""
import contextlib
import io
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from .precision_recall import Curve, PrecisionRecall

_MOST_BOXES = 10**6  # of one image: all are counted
_SIZES = ('all', 'small', 'medium', 'large')  # COCO's, by area: up to 32 x 32 pixels, up to 96 x 96, and above
_UNDEFINED = -1  # pycocotools' precision where no object is labelled


def box_curves(images: Iterable[tuple[Sequence[Mapping], Mapping[str, np.ndarray]]], classes: Sequence[str],
               iou: float = 0.5) -> PrecisionRecall:
    """Compute precision and recall of each class, and average precision (AP) by the size of the objects, with pycocotools.

    Args:
        images: for each image the labelled objects, dicts with `bbox` (x1, y1, x2, y2 in pixels), `bbox_label` and optionally
            `ignore_flag`, and the predictions, a dict of the arrays `bboxes` (N, 4), `labels` (N, ) and `scores` (N, ).
        classes: the class names.
        iou: overlap (intersection over union) that a right box has at least, 0 to 1, for the curves. Default: 0.5.

    Returns:
        PrecisionRecall: with the metrics `AP` (mean over the overlaps 0.5, 0.55, ..., 0.95), `AP50`, and `AP_small`,
        `AP_medium` and `AP_large`, AP of objects of up to 32 x 32 pixels, of up to 96 x 96 pixels, and of larger ones. Boxes
        that match an ignored object count nowhere.
    """
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval
    labelled, found, count = [], [], 0
    for number, (objects, predictions) in enumerate(images, 1):
        count = number
        labelled += [_annotation(number, each['bbox'], each['bbox_label'], iscrowd=int(bool(each.get('ignore_flag'))))
                     for each in objects]
        values = (np.asarray(predictions[key]).tolist() for key in ('bboxes', 'labels', 'scores'))
        found += [_annotation(number, box, label, score=score) for box, label, score in zip(*values)]
    data = COCO()
    data.dataset = dict(
        images=[dict(id=number) for number in range(1, count + 1)],
        categories=[dict(id=number, name=name) for number, name in enumerate(classes)],
        # pycocotools marks a box without a match by the number 0.
        annotations=[dict(each, id=number) for number, each in enumerate(labelled, 1)])
    with contextlib.redirect_stdout(io.StringIO()):
        data.createIndex()
        evaluation = COCOeval(data, data.loadRes(found) if found else COCO(), 'bbox')
        evaluation.params.maxDets = [_MOST_BOXES]
        evaluation.params.iouThrs = np.unique(np.append(evaluation.params.iouThrs.round(2), iou))
        evaluation.evaluate()
        evaluation.accumulate()
    return _curves(evaluation, classes, iou)


def _annotation(image: int, box: Sequence[float], label: int, **values) -> dict:
    x1, y1, x2, y2 = (float(side) for side in box)
    return dict(image_id=image, category_id=int(label), bbox=[x1, y1, x2 - x1, y2 - y1], area=(x2 - x1) * (y2 - y1), **values)


def _curves(evaluation, classes: Sequence[str], iou: float) -> PrecisionRecall:
    thresholds = evaluation.params.iouThrs
    place = int(np.argmin(abs(thresholds - iou)))
    standard = np.isclose(thresholds[:, None], np.linspace(0.5, 0.95, 10)).any(1)
    precision = evaluation.eval['precision'][..., 0]  # (overlaps, recalls, classes, sizes)
    parts = {'AP': (standard, 0), 'AP50': (np.isclose(thresholds, 0.5), 0), **{
        f'AP_{size}': (standard, number) for number, size in enumerate(_SIZES) if number}}
    images = len(evaluation.params.imgIds)
    curves = {}
    for number, name in enumerate(classes):
        start = number * len(_SIZES) * images  # evalImgs is in the order of classes, sizes and images; the first size is 'all'
        seen = [each for each in evaluation.evalImgs[start:start + images] if each is not None]
        kept = [~each['dtIgnore'][place].astype(bool) for each in seen]
        scores = np.concatenate([np.array(each['dtScores'])[mask] for each, mask in zip(seen, kept)] or [np.zeros(0)])
        right = np.concatenate([each['dtMatches'][place][mask] > 0 for each, mask in zip(seen, kept)] or [np.zeros(0, bool)])
        positives = int(sum((each['gtIgnore'] == 0).sum() for each in seen))
        curves[name] = Curve.of(scores, right, positives, {
            key: _mean(precision[which][:, :, number, size]) for key, (which, size) in parts.items()})
    return PrecisionRecall(curves, 'objects', {
        key: _mean(precision[which][..., size]) for key, (which, size) in parts.items()})


def _mean(values: np.ndarray) -> float | None:
    defined = values[values > _UNDEFINED]
    return float(defined.mean()) if defined.size else None
