"""Linear classification heads of mmpretrain with dropout before the linear layer, as in the authors' MUXNet classifier."""
from mmpretrain.models.heads import LinearClsHead as MMPretrainLinearClsHead
from mmpretrain.models.heads import MultiLabelLinearClsHead as MMPretrainMultiLabelLinearClsHead
from torch import Tensor, nn

from mmmux.registry import MODELS
from mmmux.utils.errors import ConfigError


class DropoutHead:
    """Add dropout on the pooled features and the authors' initialisation to a linear head of mmpretrain (a mixin).

    Args:
        num_classes (int): Number of classes.
        in_channels (int): Number of channels C of the pooled features.
        dropout (float): Probability of dropping a feature in training, from 0 to below 1. Defaults to 0.2.
        init_cfg (dict | None): Initialisation of the linear layer. Defaults to None, which means weights from the uniform
            distribution between -1 / sqrt(num_classes) and 1 / sqrt(num_classes), and biases of 0.
        **options: Further arguments of mmpretrain's head.

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
        """Select the last pooled feature and apply dropout.

        Args:
            feats (tuple[Tensor, ...]): Pooled features, each of shape (N, C).

        Returns:
            Tensor: The last feature after dropout, shape (N, C).

        Raises:
            ConfigError: C differs from `in_channels`.
        """
        pooled = super().pre_logits(feats)
        if pooled.shape[-1] != self.in_channels:
            raise ConfigError(f'model.head.in_channels is {self.in_channels}, but the backbone gives {pooled.shape[-1]} '
                              f'channels: set model.head.in_channels={pooled.shape[-1]}')
        return self.dropout(pooled)


@MODELS.register_module()
class LinearClsHead(DropoutHead, MMPretrainLinearClsHead):
    """Linear head for one label per image, trained with softmax cross-entropy.

    Args: As in :class:`DropoutHead` and mmpretrain's LinearClsHead.
    """


@MODELS.register_module()
class MultiLabelLinearClsHead(DropoutHead, MMPretrainMultiLabelLinearClsHead):
    """Linear head for any number of labels per image, trained with a sigmoid and binary cross-entropy per class.

    Args: As in :class:`DropoutHead` and mmpretrain's MultiLabelLinearClsHead.
    """
