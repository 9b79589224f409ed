import pytest
import torch
from torch import nn

from mmmux.deploy.non_max_suppression import non_max_suppression
from mmmux.deploy.old_torch import trace_to_onnx

pytest.importorskip('mmcv._ext')  # mmcv-lite has no operators


def overlap(a, b):
    width, height = (max(0., min(a[i + 2], b[i + 2]) - max(a[i], b[i])) for i in (0, 1))
    area = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    return width * height / (area[0] + area[1] - width * height)


def by_hand(boxes, scores, limit, iou_threshold, score_threshold):
    found = []
    for label in range(scores.shape[1]):
        kept = []
        for index in scores[:, label].argsort(descending=True).tolist():
            better = all(overlap(boxes[index].tolist(), boxes[other].tolist()) <= iou_threshold for other in kept)
            if scores[index, label] > score_threshold and better:
                kept.append(index)
        found += [(scores[index, label].item(), label, index) for index in kept]
    return sorted(found, reverse=True)[:limit]


def random_detections(pictures=2, count=40, classes=3):
    corner = torch.rand(pictures, count, 2) * 60
    return torch.cat([corner, corner + 5 + torch.rand(pictures, count, 2) * 40], 2), torch.rand(pictures, count, classes)


@pytest.mark.parametrize('limit, iou_threshold, score_threshold', [(200, 0.45, 0.02), (7, 0.45, 0.5), (200, 0.1, 0.9)])
def test_it_keeps_what_a_loop_over_all_pairs_keeps(limit, iou_threshold, score_threshold):
    boxes, scores = random_detections()
    found = non_max_suppression(boxes, scores, limit, iou_threshold, score_threshold)
    assert [tuple(output.shape) for output in found] == [(2, min(limit, 120), 4), (2, min(limit, 120)), (2, min(limit, 120))]
    for picture, (best, values, labels) in enumerate(zip(*found)):
        expected = by_hand(boxes[picture], scores[picture], limit, iou_threshold, score_threshold)
        assert labels[:len(expected)].tolist() == [label for _, label, _ in expected]
        assert torch.equal(best[:len(expected)], boxes[picture, [index for _, _, index in expected]])
        torch.testing.assert_close(values[:len(expected)], torch.tensor([score for score, _, _ in expected]))
        assert (labels[len(expected):] == -1).all() and not values[len(expected):].any() and not best[len(expected):].any()


def test_no_detection_at_all():
    boxes, scores = random_detections()
    _, values, labels = non_max_suppression(boxes, scores * 0, 10, 0.5, 0.01)
    assert not values.any() and (labels == -1).all()


def test_as_an_onnx_graph_for_any_number_of_pictures_and_boxes(tmp_path):
    pytest.importorskip('onnx')
    onnxruntime = pytest.importorskip('onnxruntime')

    class Suppressed(nn.Module):

        def forward(self, boxes, scores):
            return non_max_suppression(boxes, scores, 20, 0.45, 0.1)

    path = str(tmp_path / 'nms.onnx')
    trace_to_onnx(Suppressed(), random_detections(), path, opset_version=17, input_names=['boxes', 'scores'],
                  dynamic_axes={name: {0: 'pictures', 1: 'count'} for name in ('boxes', 'scores')})
    session = onnxruntime.InferenceSession(path, providers=['CPUExecutionProvider'])
    boxes, scores = random_detections(3, 55)
    for found, expected in zip(session.run(None, dict(boxes=boxes.numpy(), scores=scores.numpy())),
                               non_max_suppression(boxes, scores, 20, 0.45, 0.1)):
        torch.testing.assert_close(torch.from_numpy(found), expected)
