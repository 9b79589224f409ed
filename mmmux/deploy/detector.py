"""Wrap a detector as a function from preprocessed images to named tensors."""
import torch
from torch import Tensor, nn
from torch.onnx.operators import shape_as_tensor

from .non_max_suppression import non_max_suppression


class Detector(nn.Module):
    """Map preprocessed images to detections, with a single-stage detector that has anchors.

    Args:
        model (nn.Module): Detector of mmdet; its `bbox_head` has a `prior_generator` and a `bbox_coder`.
        raw (bool): Omit non-maximum suppression.

    Attributes:
        outputs (dict[str, str]): Name and meaning of each output.
        order (str): Order of the values in the outputs.
    """

    def __init__(self, model: nn.Module, raw: bool):
        super().__init__()
        self.model = model
        self.raw = raw
        self.outputs = dict(
            boxes='left, top, right and bottom of each box in pixels of the input', scores='from 0 to 1',
            **({} if raw else dict(labels='index into classes')))
        self.order = 'all anchors' if raw else (
            'best first; places without a detection have score 0, label -1 and a box of zeros')
        self.head = model.bbox_head

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Map images (N, 3, H, W) to boxes, scores and labels.

        Args:
            x (Tensor): Preprocessed images (N, 3, H, W).

        Returns:
            tuple[Tensor, ...]: Boxes (N, K, 4) in pixels of the input, scores (N, K) and labels (N, K), as
            :func:`.non_max_suppression.non_max_suppression` returns them. With `raw`: boxes (N, P, 4) of all P anchors in
            pixels of the input, clipped to the image, and scores (N, P, classes) without the background class.
        """
        head = self.head
        level_logits, level_deltas = head(self.model.extract_feat(x))[:2]
        priors = head.prior_generator.grid_priors([level.shape[-2:] for level in level_logits], device=x.device)
        scores = [self._scores(_by_anchor(level, head.cls_out_channels)) for level in level_logits]
        deltas = torch.cat([_by_anchor(level, 4) for level in level_deltas], 1)
        anchors = torch.cat(priors).unsqueeze(0).expand(x.shape[0], -1, -1).reshape(-1, 4)
        boxes = _inside(head.bbox_coder.decode(anchors, deltas.reshape(-1, 4)).view_as(deltas), x)
        if self.raw:
            return boxes, torch.cat(scores, 1)
        settings = head.test_cfg
        scores = torch.cat([_best(level, settings.get('nms_pre', -1)) for level in scores], 1)
        smallest = settings.get('min_bbox_size', -1)
        if smallest >= 0:
            sides = boxes[..., 2:] - boxes[..., :2]
            scores = scores * (sides > smallest).all(-1, keepdim=True)
        return non_max_suppression(boxes, scores, settings.max_per_img, settings.nms.iou_threshold, settings.score_thr)

    def _scores(self, logits: Tensor) -> Tensor:
        return logits.sigmoid() if self.head.use_sigmoid_cls else logits.softmax(-1)[..., :-1]


def _by_anchor(level: Tensor, entries: int) -> Tensor:
    """Rearrange a head's output (N, anchors * entries, h, w) to (N, h * w * anchors, entries)."""
    return level.permute(0, 2, 3, 1).reshape(level.shape[0], -1, entries)


def _inside(boxes: Tensor, x: Tensor) -> Tensor:
    # A shape as a tensor stays variable in a traced graph; mmdet's own clipping cannot be exported.
    height, width = shape_as_tensor(x)[2:].to(boxes.device, boxes.dtype).unbind()
    return torch.minimum(boxes.clamp(min=0), torch.stack([width, height, width, height]))


def _best(scores: Tensor, count: int) -> Tensor:
    """Set all but the `count` highest scores of each image to 0.

    Args:
        scores (Tensor): (N, P, classes).
        count (int): Scores to keep per image; a negative number, or one of at least P * classes, keeps all.

    Returns:
        Tensor: (N, P, classes). Scores that equal the lowest kept score are also kept.
    """
    total = scores.shape[1] * scores.shape[2]
    if count < 0:
        return scores
    worst = scores.flatten(1).topk(min(count, int(total)), dim=1).values[:, -1]
    return scores * (scores >= worst[:, None, None])
