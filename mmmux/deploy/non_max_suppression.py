"""Non-maximum suppression as one operator of a graph."""
import torch
from torch import Tensor


class _NonMaxSuppression(torch.autograd.Function):
    """ONNX's operator of this name; in torch, mmcv's `nms` for each picture and class."""

    @staticmethod
    def forward(ctx, boxes: Tensor, scores: Tensor, limit: int, iou_threshold: float, score_threshold: float) -> Tensor:
        from mmcv.ops import nms
        chosen = []
        for picture, classes in enumerate(scores):
            for label, values in enumerate(classes):
                candidates = (values > score_threshold).nonzero().squeeze(1)
                if len(candidates):
                    _, kept = nms(boxes[picture, candidates], values[candidates], iou_threshold)
                    kept = candidates[kept[:limit]]
                    chosen.append(torch.stack([torch.full_like(kept, picture), torch.full_like(kept, label), kept], 1))
        return torch.cat(chosen) if chosen else torch.zeros(0, 3, dtype=torch.long)

    @staticmethod
    def symbolic(g, boxes, scores, limit, iou_threshold, score_threshold):
        def constant(value, dtype):
            return g.op('Constant', value_t=torch.tensor([value], dtype=dtype))

        return g.op('NonMaxSuppression', boxes, scores, constant(limit, torch.int64), constant(iou_threshold, torch.float),
                    constant(score_threshold, torch.float))


def non_max_suppression(boxes: Tensor, scores: Tensor, limit: int, iou_threshold: float,
                        score_threshold: float) -> tuple[Tensor, Tensor, Tensor]:
    """Keep the best of overlapping boxes of a class, then the best of all classes.

    Args:
        boxes: (N, P, 4), left, top, right and bottom.
        scores: (N, P, classes), 0 where a box is out of the question.
        limit: how many detections a picture may have.
        iou_threshold: a box that overlaps a better one of its class by more than this is dropped.
        score_threshold: only boxes with a higher score count.

    Returns:
        tuple: boxes (N, K, 4), scores (N, K) and labels (N, K), best first, K being `limit` or, where there are fewer, all P *
        classes. Places that no detection fills have score 0, label -1 and a box of zeros.
    """
    by_class = scores.transpose(1, 2)
    chosen = _NonMaxSuppression.apply(boxes, by_class, limit, iou_threshold, score_threshold)
    picture, label, box = chosen.unbind(1)
    kept = torch.zeros_like(by_class)
    kept[picture, label, box] = by_class[picture, label, box]
    _, classes, places = kept.shape
    best, index = kept.flatten(1).topk(min(limit, classes * places), dim=1)
    found = best > 0
    # Not by advanced indexing with a range over the pictures, which would fix their number in a graph.
    best_boxes = boxes.gather(1, (index % places).unsqueeze(2).expand(-1, -1, 4))
    labels = torch.where(found, index // places, torch.full_like(index, -1))
    return best_boxes * found.unsqueeze(2), best, labels
