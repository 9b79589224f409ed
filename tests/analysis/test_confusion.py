"""Confusion matrices, matched boxes and their figures."""
import json

import numpy as np
import pytest
from sklearn.metrics import f1_score, precision_score, recall_score

from mmmux.analysis.confusion import BACKGROUND, Confusion, box_pairs, merged, overlap, pairs, table

CLASSES = 3


def matched(truth, labels, boxes, predicted, scores, ignored=None) -> list:
    ignored = np.zeros(len(labels), bool) if ignored is None else np.array(ignored)
    truth, boxes = (np.array(corners, float).reshape(-1, 4) for corners in (truth, boxes))
    return box_pairs(truth, np.array(labels, int), ignored, boxes, np.array(predicted, int), np.array(scores, float), 2,
                     0.5).tolist()


BOX, NEAR, FAR = (0, 0, 10, 10), (0, 0, 10, 8), (50, 50, 60, 60)


@pytest.mark.parametrize(('arguments', 'expected'), [
    (([BOX], [0], [NEAR], [0], [.9]), [[1, 0, 0], [0, 0, 0], [0, 0, 0]]),
    (([BOX], [0], [NEAR], [1], [.9]), [[0, 1, 0], [0, 0, 0], [0, 0, 0]]),
    (([BOX], [0], [FAR], [1], [.9]), [[0, 0, 1], [0, 0, 0], [0, 1, 0]]),
    (([BOX], [1], [], [], []), [[0, 0, 0], [0, 0, 1], [0, 0, 0]]),
    (([], [], [FAR], [1], [.9]), [[0, 0, 0], [0, 0, 0], [0, 1, 0]]),
    # The first box has matched the object, so the second one is a false positive, of any class.
    (([BOX], [0], [NEAR, BOX], [0, 0], [.9, .8]), [[1, 0, 0], [0, 0, 0], [1, 0, 0]]),
    # Of two objects at the same place, a box takes that of its class.
    (([BOX, NEAR], [0, 1], [BOX, BOX], [1, 0], [.9, .8]), [[1, 0, 0], [0, 1, 0], [0, 0, 0]]),
], ids=['hit', 'other class', 'beside', 'missed', 'nothing there', 'twice', 'two at a place'])
def test_boxes_and_objects_are_matched_once(arguments, expected):
    assert matched(*arguments) == expected


def test_ignored_objects_count_nowhere():
    assert matched([BOX], [0], [NEAR], [1], [.9], ignored=[True]) == np.zeros((3, 3)).tolist()
    assert matched([BOX], [0], [], [], [], ignored=[True]) == np.zeros((3, 3)).tolist()


def test_overlap_is_torchvisions():
    box_iou = pytest.importorskip('torchvision.ops').box_iou
    torch = pytest.importorskip('torch')
    rng = np.random.default_rng(0)
    first, second = (np.sort(rng.uniform(0, 50, (n, 2, 2)), 1).reshape(n, 4) for n in (7, 5))
    np.testing.assert_allclose(overlap(first, second), box_iou(torch.tensor(first), torch.tensor(second)), atol=1e-9)


def test_figures_are_scikit_learns(tmp_path):
    rng = np.random.default_rng(0)
    labelled, predicted = rng.integers(0, CLASSES, (2, 4, 50))
    found = merged([pairs(*part, CLASSES) for part in zip(labelled, predicted)], ['a', 'b', 'c'], 'pixels')
    rows = found.by_class()
    for key, function in (('precision', precision_score), ('recall', recall_score), ('f1', f1_score)):
        assert [row[key] for row in rows.values()] == pytest.approx(function(labelled.ravel(), predicted.ravel(), average=None))
    files = found.write(tmp_path / 'there')
    assert json.loads(files[0].read_text())['matrix'] == found.counts.tolist() and files[1].stat().st_size > 1000
    assert [line.split()[0] for line in table(found).splitlines()[1:]] == ['a', 'b', 'c']


def test_classes_without_anything_have_no_figures_and_the_json_is_valid(tmp_path):
    counts = np.zeros((3, 3), int)
    counts[0, 0], counts[0, 1] = 3, 1
    found = Confusion(('a', 'b', BACKGROUND), counts, 'objects')
    written = json.loads(found.write(tmp_path)[0].read_text(), parse_constant=pytest.fail)
    assert written['by_class'] == {
        'a': dict(labelled=4, predicted=3, right=3, precision=1., recall=.75, f1=pytest.approx(6 / 7)),
        'b': dict(labelled=0, predicted=1, right=0, precision=0., recall=None, f1=0.)}
    assert 'b (25.0%)' in table(found)
