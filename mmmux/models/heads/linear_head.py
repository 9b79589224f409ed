"""mmpretrain's linear heads with dropout before the linear layer, as MUXNet's classifier has it."""
from mmpretrain.models.heads import LinearClsHead as MMPretrainLinearClsHead
from mmpretrain.models.heads import MultiLabelLinearClsHead as MMPretrainMultiLabelLinearClsHead
from torch import Tensor, nn

from mmmux.registry import MODELS
from mmmux.utils.errors import ConfigError


class Dropout:
    """Mix into a head of mmpretrain: dropout on the pooled features, and the authors' start of the linear layer.

    Args:
        num_classes: number of classes.
        in_channels: channels C of the pooled features.
        dropout: probability of dropping a feature in training, 0 to below 1.
        init_cfg: how the linear layer starts; None takes uniform weights within 1 / sqrt(num_classes) and zero biases.
        options: further arguments as in mmpretrain.

    Raises:
        ConfigError: `num_classes` or `dropout` is out of range.
    """

    def __init__(self, num_classes: int, in_channels: int, dropout: float = 0.2, init_cfg: dict | None = None, **options):
        if not isinstance(num_classes, int) or num_classes < 1:
            raise ConfigError(f'num_classes of {type(self).__name__} must be a positive whole number, got {num_classes!r}')
        bound = num_classes**-0.5
        init_cfg = init_cfg or dict(type='Uniform', layer='Linear', a=-bound, b=bound, bias=0)
        super().__init__(num_classes=num_classes, in_channels=in_channels, init_cfg=init_cfg, **options)
        if not isinstance(dropout, (int, float)) or not 0 <= dropout < 1:
            raise ConfigError(f'dropout of {type(self).__name__} must be a number from 0 to below 1, got {dropout!r}')
        self.dropout = nn.Dropout(dropout)

    def pre_logits(self, feats: tuple[Tensor, ...]) -> Tensor:
        """Pooled features [(N, C), ...] -> (N, C), the last of them.

        Raises:
            ConfigError: C is not `in_channels`.
        """
        pooled = super().pre_logits(feats)
        if pooled.shape[-1] != self.in_channels:
            raise ConfigError(f'model.head.in_channels is {self.in_channels}, and the backbone gives {pooled.shape[-1]} '
                              'channels: set it to that')
        return self.dropout(pooled)


@MODELS.register_module()
class LinearClsHead(Dropout, MMPretrainLinearClsHead):
    """One label a picture: softmax cross-entropy. Arguments as in :class:`Dropout` and mmpretrain."""


@MODELS.register_module()
class MultiLabelLinearClsHead(Dropout, MMPretrainMultiLabelLinearClsHead):
    """Any number of labels a picture: a sigmoid and binary cross-entropy for each class. Arguments as in :class:`Dropout`."""
