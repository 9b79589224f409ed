import numpy
import pytest

from mmmux.deploy.verify import largest_difference, unmatched_detections

DETECTIONS = ('boxes', 'scores', 'labels')


def detections(order=(0, 1, 2), moved=0., label=1):
    boxes = numpy.array([[10, 20, 110, 220], [30., 40, 90, 100], [0, 0, 300, 300]], numpy.float32)[list(order)] + moved
    scores = numpy.array([0.9, 0.9, 0.4], numpy.float32)[list(order)]
    labels = numpy.array([0, label, 2])[list(order)]
    return [boxes[None], scores[None], labels[None]]


def test_detections_of_equal_scores_may_change_places():
    assert unmatched_detections(DETECTIONS, detections((1, 0, 2)), detections()) is None


@pytest.mark.parametrize('ours', [detections(moved=2.), detections(label=0)])
def test_a_moved_box_or_another_label_is_told(ours):
    assert 'have no counterpart' in unmatched_detections(DETECTIONS, ours, detections())


def test_a_detection_too_many_or_too_few_is_told():
    few = detections()
    few[2][0, 1], few[1][0, 1] = -1, 0
    for pair in ((few, detections()), (detections(), few)):
        assert '50.0%' in unmatched_detections(DETECTIONS, *pair) or '33.3%' in unmatched_detections(DETECTIONS, *pair)


def test_numbers_may_differ_by_rounding_alone():
    reference = numpy.linspace(-1, 1, 1000, dtype=numpy.float32)
    assert largest_difference(['logits'], [reference + 1e-5], [reference]) is None
    assert largest_difference(['logits'], [reference + 2e-3], [reference]) == 'logits differ by 2.0e-03 of their largest value'
    assert largest_difference(['logits'], [reference + 2e-3], [reference], 'fp16') is None
    assert 'not finite' in largest_difference(['logits'], [reference * numpy.nan], [reference])
    assert 'has shape (500,)' in largest_difference(['logits'], [reference[:500]], [reference])


def test_pixels_on_an_edge_may_flip_and_areas_may_not():
    reference = numpy.zeros((1, 100, 100), int)
    few, many = reference.copy(), reference.copy()
    few[0, 0, :30], many[0, :2] = 1, 1
    assert largest_difference(['labels'], [few], [reference]) is None
    assert largest_difference(['labels'], [many], [reference]) == '2.00% of labels are different'
