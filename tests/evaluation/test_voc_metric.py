import json
import logging

import numpy as np
import pytest
import torch
from metric_reference import average_precision

CLASSES = ('cell', 'dot')


@pytest.fixture
def log(log):
    """Tables, too, which are no warnings."""
    log.set_level(logging.INFO)
    return log


def picture(boxes, detections, difficult=()) -> dict:
    """A data sample: labelled boxes (label, x1, y1, x2, y2), detections with a score at the end."""
    def instances(rows):
        rows = torch.tensor(list(rows), dtype=torch.float).reshape(-1, 5 if rows is not detections else 6)
        return dict(labels=rows[:, 0].long(), bboxes=rows[:, 1:5], scores=rows[:, 5:].flatten())
    return dict(gt_instances=instances(boxes), ignored_instances=instances(difficult), pred_instances=instances(detections))


def evaluate(samples: list[dict], meta=None, **arguments) -> dict:
    from mmmux.evaluation import VOCMetric
    metric = VOCMetric(**{'metric': 'mAP', 'eval_mode': '11points', **arguments})
    metric.dataset_meta = meta or dict(classes=CLASSES)
    metric.process({}, samples)
    return metric.evaluate(len(samples))


def random_samples(seed: int) -> list[tuple]:
    """Pictures whose detections are some of the boxes, moved a little, and some inventions.

    There are 11 cells and 13 dots, so that no recall is a multiple of 0.1, where rounding would decide.
    """
    rng = np.random.default_rng(seed)
    labels = rng.permutation([0] * 11 + [1] * 13).reshape(4, 6)
    samples = []
    for row in labels:
        boxes = [(int(label), *corner, *(corner + rng.integers(15, 50, 2)))
                 for label, corner in zip([*row, rng.integers(2)], rng.integers(0, 60, (7, 2)))]
        moved = [(box[0], *(np.array(box[1:]) + rng.integers(-5, 6, 4)))
                 for box in boxes for _ in range(int(rng.integers(0, 3)))]
        invented = [(int(rng.integers(0, 2)), *corner, *(corner + 20)) for corner in rng.integers(0, 60, (2, 2))]
        detections = [(*found, float(score)) for found, score in zip(moved + invented, rng.random(30))]
        samples.append((boxes[:-1], detections, boxes[-1:]))
    return samples


@pytest.mark.parametrize('seed', range(6))
def test_equals_the_definition(seed):
    samples = random_samples(seed)
    metrics = evaluate([picture(*sample) for sample in samples], iou_thrs=[0.5, 0.7])
    means = []
    for threshold, name in ((0.5, 'AP50'), (0.7, 'AP70')):
        by_class = [average_precision(samples, label, threshold) for label in range(2)]
        assert [metrics[f'pascal_voc/{name}/{cls}'] for cls in CLASSES] == pytest.approx(by_class, abs=1e-6)
        assert metrics[f'pascal_voc/{name}'] == pytest.approx(np.mean(by_class), abs=1e-6)
        means.append(np.mean(by_class))
    assert metrics['pascal_voc/mAP'] == pytest.approx(np.mean(means), abs=1e-6)
    assert 0 < means[1] <= means[0] < 1


@pytest.mark.parametrize('dataset_type', [None, 'VOC2007', 'VOC2012'])
def test_table_names_the_classes_of_metainfo(dataset_type, log):
    """mmdet's own metric names VOC's aeroplane and bicycle here, as its data sets tell it that the path holds VOC2007."""
    evaluate([picture([(0, 1, 1, 9, 9), (1, 1, 1, 9, 9)], [])], dict(classes=CLASSES, dataset_type=dataset_type))
    assert '| cell' in log.text and '| dot' in log.text and 'aeroplane' not in log.text


def test_results_can_be_written_as_json():
    metrics = evaluate([picture([(0, 1, 1, 9, 9)], [(0, 1, 1, 9, 9, .5)])])
    assert json.loads(json.dumps({name: float(value) for name, value in metrics.items()}))['pascal_voc/AP50/cell'] == 1


def test_recall_is_still_mmdets():
    assert evaluate([picture([(0, 1, 1, 9, 9)], [(0, 1, 1, 9, 9, .5)])], metric='recall')['pascal_voc/recall@1000@0.5'] == 1
