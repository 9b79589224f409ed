"""SSD head of mmdet with two corrections: inference works, and distributed training averages the number of matched anchors."""
import torch
from mmdet.models.dense_heads import SSDHead as MMDetSSDHead
from mmdet.utils import reduce_mean
from torch import nn

from mmmux.registry import MODELS


@MODELS.register_module()
class SSDHead(MMDetSSDHead):
    """SSD head of mmdet (Liu et al., SSD, ECCV 2016) that predicts and that trains correctly in several processes.

    mmdet's prediction code reads the attribute `loss_cls` of every dense head. mmdet's SSDHead does not have this attribute
    and fails at inference with `'SSDHead' object has no attribute 'loss_cls'` (open-mmlab/mmdetection issues 11063, 11305,
    11780). This class adds `loss_cls`, a softmax cross-entropy; mmdet computes the losses without it.

    In distributed training, each process divides its losses by the mean number of matched anchors over all processes, as the
    other dense heads of mmdet do, and not by its own number. The gradients then equal those of one process that trains on all
    images.

    Args: As in mmdet's SSDHead.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
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
        return *targets, reduce_mean(torch.as_tensor(matched, dtype=torch.float32, device=anchor_list[0][0].device))
