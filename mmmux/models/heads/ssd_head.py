"""mmdet's SSD head, with what its inference and its training in several processes miss."""
import torch
from mmdet.models.dense_heads import SSDHead as MMDetSSDHead
from mmdet.utils import reduce_mean
from torch import nn

from mmmux.registry import MODELS


@MODELS.register_module()
class SSDHead(MMDetSSDHead):
    """The SSD head of mmdet (Liu et al., SSD, ECCV 2016) with a `loss_cls`.

    mmdet's prediction code asks every dense head for its `loss_cls`; its SSD head has none and so fails at inference with
    `'SSDHead' object has no attribute 'loss_cls'` (open-mmlab/mmdetection issues 11063, 11305, 11780). SSD classifies by
    softmax cross-entropy, which is what this names; the losses themselves are mmdet's. Arguments as in mmdet.

    With several processes, each divides its losses by the mean number of matched anchors over all processes, as mmdet's other
    dense heads do, and not by its own: the gradients are then those of one process with all the pictures.
    """

    def _init_layers(self) -> None:
        super()._init_layers()
        self.loss_cls = nn.CrossEntropyLoss(reduction='none')

    def get_targets(self, anchor_list, *args, **kwargs) -> tuple:
        """As in mmdet; the last of the five, the number that losses are divided by, is the mean over all processes."""
        *targets, matched = super().get_targets(anchor_list, *args, **kwargs)
        return *targets, reduce_mean(torch.as_tensor(matched, dtype=torch.float32, device=anchor_list[0][0].device))
