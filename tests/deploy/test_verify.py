import numpy
import pytest
from facts import assert_facts

from mmmux.deploy.verify import largest_difference, unmatched_detections

DETECTIONS = ('boxes', 'scores', 'labels')


def detections(order=(0, 1, 2), moved=0., label=1):
    boxes = numpy.array([[10, 20, 110, 220], [30., 40, 90, 100], [0, 0, 300, 300]], numpy.float32)[list(order)] + moved
    scores = numpy.array([0.9, 0.9, 0.4], numpy.float32)[list(order)]
    labels = numpy.array([0, label, 2])[list(order)]
    return [boxes[None], scores[None], labels[None]]


def test_detections_of_equal_scores_may_change_places():
    assert unmatched_detections(DETECTIONS, detections((1, 0, 2)), detections()) is None


@pytest.mark.parametrize('ours, share', [(detections(moved=2.), '66.7%'), (detections(label=0), '33.3%')])
def test_a_moved_box_or_another_label_is_found(ours, share):
    """The last detection of a full list does not count, because an equally good one may replace it."""
    assert_facts(unmatched_detections(DETECTIONS, ours, detections()), share, '2.0%')


def test_a_detection_too_many_or_too_few_is_found():
    few = detections()
    few[2][0, 1], few[1][0, 1] = -1, 0
    for pair in ((few, detections()), (detections(), few)):
        assert_facts(unmatched_detections(DETECTIONS, *pair), '33.3%')


def test_numbers_may_differ_by_rounding_alone():
    reference = numpy.linspace(-1, 1, 1000, dtype=numpy.float32)
    assert largest_difference(['logits'], [reference + 1e-5], [reference]) is None
    assert_facts(largest_difference(['logits'], [reference + 2e-3], [reference]), 'logits', '2.0e-03', '1.0e-03')
    assert largest_difference(['logits'], [reference + 2e-3], [reference], 'fp16') is None
    assert_facts(largest_difference(['logits'], [reference * numpy.nan], [reference]), 'logits', 'NaN')
    assert_facts(largest_difference(['logits'], [reference[:500]], [reference]), 'logits', '(500,)', '(1000,)')


def test_pixels_on_an_edge_may_flip_and_areas_may_not():
    reference = numpy.zeros((1, 100, 100), int)
    few, many = reference.copy(), reference.copy()
    few[0, 0, :30], many[0, :2] = 1, 1
    assert largest_difference(['labels'], [few], [reference]) is None
    assert_facts(largest_difference(['labels'], [many], [reference]), 'labels', '2.00%', '0.50%')
