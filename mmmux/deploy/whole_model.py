"""A whole model as a function from a batch of prepared pictures to named tensors, as a runtime runs it."""
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmmux.deploy.exact.adaptive_pool import replace_adaptive_pools
from mmmux.deploy.exact.form import exact_form
from mmmux.deploy.exact.stage_form import IN_RUNTIMES, StageForm
from mmmux.utils.errors import ConfigError

from .non_max_suppression import non_max_suppression


class Detector(nn.Module):
    """A single-stage detector with anchors.

    Args:
        model: of mmdet.
        raw: leave non-maximum suppression to the user.
    """

    def __init__(self, model: nn.Module, raw: bool):
        super().__init__()
        self.model = model
        self.raw = raw
        self.outputs = ('boxes', 'scores') if raw else ('boxes', 'scores', 'labels')
        self.head = getattr(model, 'bbox_head', None)
        if not all(hasattr(self.head, name) for name in ('prior_generator', 'bbox_coder', 'cls_out_channels')):
            raise ConfigError('only single-stage detectors with anchors can be exported, whose bbox_head has a prior_generator '
                              f'and a bbox_coder; {type(model).__name__} with a {type(self.head).__name__} is none')

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """(N, 3, H, W) -> boxes, scores and labels as :func:`non_max_suppression` gives them.

        Raw: boxes (N, P, 4) of all anchors in pixels of the input, and scores (N, P, classes) without the background.
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
    """(N, anchors * entries, h, w) -> (N, h * w * anchors, entries)."""
    return level.permute(0, 2, 3, 1).reshape(level.shape[0], -1, entries)


def _inside(boxes: Tensor, x: Tensor) -> Tensor:
    # A shape taken as a tensor stays variable in a traced graph; mmdet's own clipping cannot be exported.
    height, width = torch._shape_as_tensor(x)[2:].to(boxes.device, boxes.dtype).unbind()
    return torch.minimum(boxes.clamp(min=0), torch.stack([width, height, width, height]))


def _best(scores: Tensor, count: int) -> Tensor:
    """Set to 0 all but the `count` best scores of each picture; all stay where there are no more or the count is negative."""
    total = scores.shape[1] * scores.shape[2]
    if count < 0:
        return scores
    worst = scores.flatten(1).topk(min(count, int(total)), dim=1).values[:, -1]
    return scores * (scores >= worst[:, None, None])


class Segmentor(nn.Module):
    """A segmentor that sees each picture whole. Arguments as in :class:`Detector`, the model being of mmseg."""

    def __init__(self, model: nn.Module, raw: bool):
        super().__init__()
        if model.test_cfg.mode != 'whole':
            raise ConfigError(f"only segmentors that see pictures whole can be exported: model.test_cfg.mode is "
                              f"'{model.test_cfg.mode}', give --cfg-options model.test_cfg.mode=whole")
        self.model = model
        self.raw = raw
        self.outputs = ('logits', ) if raw else ('labels', )
        replace_adaptive_pools(model)

    def forward(self, x: Tensor) -> tuple[Tensor]:
        """(N, 3, H, W) -> label map (N, H, W); raw: logits (N, classes, H, W)."""
        head = self.model.decode_head
        logits = head(self.model.extract_feat(x))
        logits = F.interpolate(logits, size=x.shape[-2:], mode='bilinear', align_corners=head.align_corners)
        if self.raw:
            return (logits, )
        if head.out_channels == 1:
            return ((logits.sigmoid() > head.threshold).long().squeeze(1), )
        return (logits.argmax(1), )


class Classifier(nn.Module):
    """A classifier of mmpretrain; raw scores are logits. Arguments as in :class:`Detector`."""

    def __init__(self, model: nn.Module, raw: bool):
        super().__init__()
        self.model = model
        self.raw = raw
        self.outputs = ('logits', ) if raw else ('scores', )
        self.several_labels = 'MultiLabel' in type(model.head).__name__

    def forward(self, x: Tensor) -> tuple[Tensor]:
        """(N, 3, H, W) -> scores (N, classes)."""
        logits = self.model(x, mode='tensor')
        if self.raw:
            return (logits, )
        return (logits.sigmoid() if self.several_labels else logits.softmax(1), )


TASKS = {'mmdet': Detector, 'mmseg': Segmentor, 'mmpretrain': Classifier}


def whole_model(model: nn.Module, scope: str, raw: bool = False,
                forms: StageForm | Mapping[int, StageForm] = IN_RUNTIMES) -> nn.Module:
    """The exact form of a trained model, from prepared pictures to what its task asks for.

    Args:
        model: in evaluation.
        scope: the `default_scope` of its config: 'mmdet', 'mmseg' or 'mmpretrain'.
        raw: give what the network computes: boxes and scores of all anchors, or logits.
        forms: see :func:`.exact_form.exact_form`.

    Raises:
        ConfigError: the model is in training mode or of a kind that cannot be exported.
    """
    if scope not in TASKS:
        raise ConfigError(f"default_scope '{scope}' of the config is none of {', '.join(TASKS)}, whose models can be exported")
    return TASKS[scope](exact_form(model, forms), raw).eval()
