"""Curves are compared with scikit-learn's, and average precisions with torchmetrics'."""
import json

import numpy as np
import pytest
import torch

from mmmux.analysis.box_curves import box_curves
from mmmux.analysis.precision_recall import Curve, PrecisionRecall, one_against_all, table

metrics = pytest.importorskip('sklearn.metrics')
SIDES = np.array([10., 20., 50., 150.])  # of small, medium and large objects


def assert_as_sklearn(curve: Curve, right: np.ndarray, scores: np.ndarray) -> None:
    """Compare with the curve of all labelled and predicted; an object without a prediction has a negative score."""
    precision, recall, thresholds = metrics.precision_recall_curve(right, scores)
    kept = thresholds >= 0
    assert np.allclose(curve.scores[curve.ends], thresholds[kept][::-1])
    assert np.allclose(curve.precision, precision[:-1][kept][::-1]) and np.allclose(curve.recall, recall[:-1][kept][::-1])
    f1 = [metrics.f1_score(right, scores >= threshold) for threshold in thresholds[kept][::-1]]
    assert np.allclose(curve.f1, f1)
    best = curve.best()
    assert best['f1'] == pytest.approx(max(f1)) and best['labelled'] == right.sum()


def test_classifier():
    rng = np.random.default_rng(0)
    scores, labels = rng.random((60, 3)).round(1), rng.integers(0, 3, 60)  # rounded, so that some are equal
    found = one_against_all(scores, np.eye(3, dtype=bool)[labels], ('a', 'b', 'c'))
    for number, name in enumerate(('a', 'b', 'c')):
        assert_as_sklearn(found.classes[name], labels == number, scores[:, number])


def scene(rng: np.random.Generator):
    """An image of 12 objects of 2 classes in a row; some have a box of some overlap, and there are boxes of nothing."""
    objects, boxes, labels, scores = [], [], [], []
    for number in range(12):
        side, label = SIDES[number % 4], int(rng.integers(2))
        x, y = 200. * number, 0.
        objects.append(dict(bbox=[x, y, x + side, y + side], bbox_label=label))
        if rng.random() < 0.7:
            shift = side * rng.uniform(0, 0.5)
            boxes.append([x + shift, y, x + shift + side, y + side])
            labels.append(label)
            scores.append(rng.random())
        if rng.random() < 0.3:
            boxes.append([x, y + 300, x + side, y + 300 + side])
            labels.append(int(rng.integers(2)))
            scores.append(rng.random())
    return objects, dict(bboxes=np.array(boxes), labels=np.array(labels), scores=np.array(scores))


@pytest.fixture(scope='module')
def scenes():
    rng = np.random.default_rng(1)
    return [scene(rng) for _ in range(5)]


@pytest.mark.parametrize('iou', [0.5, 0.62])
def test_boxes(scenes, iou):
    found = box_curves(scenes, ('a', 'b'), iou)
    for label, name in enumerate(('a', 'b')):
        right, scores = [], []
        for objects, boxes in scenes:
            mine = boxes['labels'] == label
            for each in objects:
                if each['bbox_label'] != label:
                    continue
                x, side = each['bbox'][0], each['bbox'][2] - each['bbox'][0]
                over = [place for place in np.flatnonzero(mine) if boxes['bboxes'][place][1] == 0
                        and x <= boxes['bboxes'][place][0] < x + 200]
                common = side - (boxes['bboxes'][over[0]][0] - x) if over else 0
                hit = bool(over) and common / (2 * side - common) >= iou
                right.append(1)
                scores.append(boxes['scores'][over[0]] if hit else -1)
                mine[over] = mine[over] & (not hit)
            right += [0] * int(mine.sum())
            scores += boxes['scores'][mine].tolist()
        assert_as_sklearn(found.classes[name], np.array(right), np.array(scores))


def test_average_precision_by_size(scenes):
    torchmetrics = pytest.importorskip('torchmetrics.detection')
    pytest.importorskip('torchvision')
    metric = torchmetrics.MeanAveragePrecision(class_metrics=True)
    for objects, boxes in scenes:
        truth = dict(boxes=torch.tensor([each['bbox'] for each in objects]),
                     labels=torch.tensor([each['bbox_label'] for each in objects]))
        metric.update([dict(boxes=torch.tensor(boxes['bboxes']).float(), labels=torch.tensor(boxes['labels']),
                            scores=torch.tensor(boxes['scores']).float())], [truth])
    theirs, ours = metric.compute(), box_curves(scenes, ('a', 'b'))
    for name, key in dict(AP='map', AP50='map_50', AP_small='map_small', AP_medium='map_medium', AP_large='map_large').items():
        assert ours.metrics[name] == pytest.approx(float(theirs[key]), abs=1e-4)
    assert [ours.classes[name].metrics['AP'] for name in 'ab'] == pytest.approx(theirs['map_per_class'].tolist(), abs=1e-4)


def test_ignored_objects_and_classes_that_are_absent(tmp_path):
    objects = [dict(bbox=[0, 0, 20, 20], bbox_label=0, ignore_flag=1), dict(bbox=[100, 0, 120, 20], bbox_label=0)]
    boxes = dict(bboxes=np.array([[0, 0, 20, 20], [100, 0, 120, 20]]), labels=np.array([0, 0]), scores=np.array([0.9, 0.8]))
    found = box_curves([(objects, boxes)], ('seen', 'absent'))
    seen = found.classes['seen'].best()
    assert (seen['labelled'], seen['precision'], seen['recall'], seen['score']) == (1, 1., 1., 0.8)
    assert seen['AP_small'] == pytest.approx(1) and seen['AP_large'] is None
    assert found.classes['absent'].best()['f1'] is None
    json_file, picture = found.write(tmp_path / 'new')
    # Python's reader accepts NaN, which JSON does not have.
    stored = json.loads(json_file.read_text(), parse_constant=lambda name: pytest.fail(name))
    assert stored['classes']['seen']['recall'] == [1.] and stored['metrics']['AP_medium'] is None
    assert picture.stat().st_size > 1000 and 'absent' in table(found)


def test_nothing_is_found():
    objects = [dict(bbox=[0, 0, 20, 20], bbox_label=0)]
    nothing = dict(bboxes=np.zeros((0, 4)), labels=np.zeros(0), scores=np.zeros(0))
    best = box_curves([(objects, nothing)], ('a', )).classes['a'].best()
    assert (best['labelled'], best['recall'], best['score'], best['AP']) == (1, 0., None, 0.)


def test_many_classes_are_written(tmp_path):
    curve = Curve.of(np.array([0.5]), np.array([True]), 1)
    found = PrecisionRecall({f'class {number}': curve for number in range(30)}, 'pictures')
    assert len(json.loads(found.write(tmp_path)[0].read_text())['classes']) == 30
