import json
import logging

import numpy as np
import pytest
import torch
from facts import raises
from metric_reference import average_precision

from mmmux.utils.errors import ConfigError
from mmmux.utils.valid_json import dumps

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
    assert json.loads(dumps(metrics)) == {
        'pascal_voc/mAP': 1, 'pascal_voc/AP50': 1, 'pascal_voc/AP50/cell': 1, 'pascal_voc/absent': ['dot']}


class TestScaleRanges:

    @pytest.mark.parametrize('seed', range(2))
    def test_of_all_sizes_is_what_is_measured_without(self, seed):
        samples = [picture(*sample) for sample in random_samples(seed)]
        plain, ranged = evaluate(samples), evaluate(samples, scale_ranges=[(0, 1000)])
        assert plain == {name: value for name, value in ranged.items() if '@' not in name}
        assert plain['pascal_voc/AP50/dot'] == ranged['pascal_voc/AP50@0-1000/dot'] > 0

    def test_by_hand(self):
        """A small cell is found and a large one is not; there are small dots only, and nothing of 50 pixels and more."""
        boxes = [(0, 1, 1, 9, 9), (0, 1, 1, 40, 40), (1, 20, 20, 28, 28)]
        metrics = evaluate([picture(boxes, [(0, 1, 1, 9, 9, .9)])], iou_thrs=[0.5, 0.75], eval_mode='area',
                           scale_ranges=[(0, 32), (32, 49.5), (50, 1e4)])
        expected = {'mAP': .25}
        for name in ('AP50', 'AP75'):
            expected.update({
                name: .25, f'{name}/cell': .5, f'{name}/dot': 0, f'{name}@0-32': .5, f'{name}@0-32/cell': 1,
                f'{name}@0-32/dot': 0, f'{name}@32-49.5': 0, f'{name}@32-49.5/cell': 0})
        assert metrics == {f'pascal_voc/{name}': pytest.approx(value) for name, value in expected.items()}

    @pytest.mark.parametrize('ranges', [[(32, 0)], [32], [(0, 32, 96)], [(-1, 5)]])
    def test_wrong_ones(self, ranges):
        with raises(ConfigError, 'scale_ranges', ranges, '(0, 32)'):
            evaluate([], scale_ranges=ranges)


def test_recall_is_still_mmdets():
    assert evaluate([picture([(0, 1, 1, 9, 9)], [(0, 1, 1, 9, 9, .5)])], metric='recall')['pascal_voc/recall@1000@0.5'] == 1
