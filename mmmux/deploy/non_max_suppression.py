"""Apply non-maximum suppression as a single operator of an exported graph."""
import torch
from torch import Tensor


class _NonMaxSuppression(torch.autograd.Function):
    """Select boxes with ONNX's operator NonMaxSuppression in a graph, and with mmcv's `nms` per image and class in torch."""

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
    """Suppress overlapping boxes within each class, then keep the highest scores of all classes.

    Args:
        boxes (Tensor): (N, P, 4), left, top, right and bottom.
        scores (Tensor): (N, P, classes); 0 excludes a box from a class.
        limit (int): Largest number of detections per image.
        iou_threshold (float): Drop a box whose intersection over union with a better box of its class exceeds this value.
        score_threshold (float): Drop boxes whose score does not exceed this value.

    Returns:
        tuple[Tensor, Tensor, Tensor]: Boxes (N, K, 4), scores (N, K) and labels (N, K), in descending order of score, where K
        is the lesser of `limit` and P * classes. Entries without a detection have score 0, label -1 and a box of zeros.
    """
    by_class = scores.transpose(1, 2)
    chosen = _NonMaxSuppression.apply(boxes, by_class, limit, iou_threshold, score_threshold)
    picture, label, box = chosen.unbind(1)
    kept = torch.zeros_like(by_class)
    kept[picture, label, box] = by_class[picture, label, box]
    _, classes, places = kept.shape
    best, index = kept.flatten(1).topk(min(limit, classes * places), dim=1)
    found = best > 0
    # `gather`, because indexing with a range over the images would fix their number in a graph.
    best_boxes = boxes.gather(1, (index % places).unsqueeze(2).expand(-1, -1, 4))
    labels = torch.where(found, index // places, torch.full_like(index, -1))
    return best_boxes * found.unsqueeze(2), best, labels
