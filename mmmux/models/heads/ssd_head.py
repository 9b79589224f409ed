"""SSD head of mmdet that predicts, averages over all processes, and can learn from pictures without objects."""
import torch
import torch.nn.functional as F
from mmdet.models.dense_heads import SSDHead as MMDetSSDHead
from mmdet.utils import reduce_mean
from torch import Tensor, nn

from mmmux.registry import MODELS
from mmmux.utils.errors import ConfigError


@MODELS.register_module()
class SSDHead(MMDetSSDHead):
    """SSD head of mmdet (Liu et al., SSD, ECCV 2016) that predicts and that trains correctly in several processes.

    mmdet's prediction code reads the attribute `loss_cls` of every dense head. mmdet's SSDHead does not have this attribute
    and fails at inference with `'SSDHead' object has no attribute 'loss_cls'` (open-mmlab/mmdetection issues 11063, 11305,
    11780). This class adds `loss_cls`, a softmax cross-entropy; mmdet computes the losses without it.

    In distributed training, each process divides its losses by the mean number of matched anchors over all processes, as the
    other dense heads of mmdet do, and not by its own number. The gradients then equal those of one process that trains on all
    images.

    SSD learns the background from the anchors with the highest loss (hard negatives), `neg_pos_ratio` for each matched anchor
    of the same image. An image without objects has no matched anchor, so it has no negative either and gives no gradient.
    `background_negatives` sets the number of negatives of such an image. The image then counts in the divisor of the losses
    as `background_negatives / neg_pos_ratio` matched anchors, so that each negative weighs as much as in any other image.

    Args:
        *args: As in mmdet's SSDHead.
        background_negatives (int): Number of negatives of an image without matched anchors. With 30 and a `neg_pos_ratio` of
            3, it weighs as much as an image with ten matched anchors, e.g. of one object. Training reads such images only if
            the data set keeps them (`filter_cfg.filter_empty_gt=False`). Defaults to 0, mmdet's behaviour.
        **kwargs: As in mmdet's SSDHead.

    Raises:
        ConfigError: `background_negatives` is not a whole number from 0 up.
    """

    def __init__(self, *args, background_negatives: int = 0, **kwargs):
        super().__init__(*args, **kwargs)
        if isinstance(background_negatives, bool) or not isinstance(background_negatives, int) or background_negatives < 0:
            raise ConfigError('background_negatives of SSDHead must be a whole number from 0 up, where 0 takes no negatives '
                              f'from images without objects, got {background_negatives!r}')
        self.background_negatives = background_negatives
        self.loss_cls = nn.CrossEntropyLoss(reduction='none')

    def get_targets(self, anchor_list, *args, **kwargs) -> tuple:
        """Assign targets to the anchors, as mmdet's SSDHead does.

        Args:
            anchor_list (list[list[Tensor]]): For each image, the anchors of each level, (anchors, 4) in pixels.
            *args: Further arguments of mmdet's SSDHead.
            **kwargs: Further arguments of mmdet's SSDHead.

        Returns:
            tuple: mmdet's five values; the last value, the divisor of the losses, is the mean over all processes.
        """
        *targets, matched = super().get_targets(anchor_list, *args, **kwargs)
        if self.background_negatives:
            background = int((~self._matched(torch.cat(targets[0], 1))).all(1).sum())
            # mmdet counts an image without matched anchors as one matched anchor.
            matched += background * max(0, self.background_negatives / self.train_cfg['neg_pos_ratio'] - 1)
        return *targets, reduce_mean(torch.as_tensor(matched, dtype=torch.float32, device=anchor_list[0][0].device))

    def loss_by_feat_single(self, cls_score: Tensor, bbox_pred: Tensor, anchor: Tensor, labels: Tensor, label_weights: Tensor,
                            *args, avg_factor, **kwargs) -> tuple[Tensor, Tensor]:
        """Compute the losses of one image, as mmdet's SSDHead does, and with `background_negatives` of an empty image, too.

        Args:
            cls_score (Tensor): Scores before the softmax, (anchors, classes + 1).
            bbox_pred (Tensor): Encoded boxes, (anchors, 4).
            anchor (Tensor): Anchors, (anchors, 4) in pixels.
            labels (Tensor): Class number of each anchor, (anchors, ); the number of classes stands for the background.
            label_weights (Tensor): Weight of each anchor, (anchors, ).
            *args: Further arguments of mmdet's SSDHead.
            avg_factor (Tensor): Divisor of the losses.
            **kwargs: Further arguments of mmdet's SSDHead.

        Returns:
            tuple[Tensor, Tensor]: Classification loss, shape (1, ), and box loss.
        """
        loss_cls, loss_bbox = super().loss_by_feat_single(cls_score, bbox_pred, anchor, labels, label_weights, *args,
                                                          avg_factor=avg_factor, **kwargs)
        if self.background_negatives and not self._matched(labels).any():
            negatives = labels == self.num_classes
            losses = F.cross_entropy(cls_score[negatives], labels[negatives], reduction='none') * label_weights[negatives]
            loss_cls = losses.topk(min(self.background_negatives, len(losses)))[0].sum()[None] / avg_factor
        return loss_cls, loss_bbox

    def _matched(self, labels: Tensor) -> Tensor:
        return (labels >= 0) & (labels < self.num_classes)
