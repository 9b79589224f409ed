"""mmdet's SSD head, with what its inference misses."""
from mmdet.models.dense_heads import SSDHead as MMDetSSDHead
from torch import nn

from mmmux.registry import MODELS


@MODELS.register_module()
class SSDHead(MMDetSSDHead):
    """The SSD head of mmdet (Liu et al., SSD, ECCV 2016) with a `loss_cls`.

    mmdet's prediction code asks every dense head for its `loss_cls`; its SSD head has none and so fails at inference with
    `'SSDHead' object has no attribute 'loss_cls'` (open-mmlab/mmdetection issues 11063, 11305, 11780). SSD classifies by
    softmax cross-entropy, which is what this names; the losses themselves are mmdet's. Arguments as in mmdet.
    """

    def _init_layers(self) -> None:
        super()._init_layers()
        self.loss_cls = nn.CrossEntropyLoss(reduction='none')
