"""MUXNet (Lu, Deb, Boddeti, "MUXConv: Information Multiplexing in Convolutional Neural Networks", CVPR 2020)."""
from collections.abc import Mapping, Sequence
from numbers import Real

from mmcv.cnn import build_norm_layer
from mmengine.model import BaseModule
from mmengine.registry import MODELS
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from mmmux.checkpoints.pretrained import check_pretrained
from mmmux.models.architectures import Architecture, get_architecture
from mmmux.models.layers import build_block
from mmmux.models.layers.recompute import recompute_in_backward
from mmmux.utils.errors import ConfigError, DatasetError

MIN_INPUT_SIZE = 32
OUTPUT_STRIDES = (8, 16, 32)


# Registered at the root, so that its bare name is found from every OpenMMLab scope.
@MODELS.register_module()
class MUXNet(BaseModule):
    """MUXNet as a backbone.

    Stages are numbered from 0 as in the architecture table; the stem belongs to stage 0, and the number after the last stage
    (7 for the family) is the 1x1 head convolution. Only what the largest out index needs is built.

    Args:
        arch: a name ('xs', 's', 'm', 'l'), an :class:`Architecture`, or a dict with an architecture's fields.
        out_indices: stages whose outputs are returned, in any order, without repetition.
        output_stride: 32, 16 or 8: features have at most this stride; None applies every stride of the architecture. Where a
            block would exceed it, it keeps H and W, its own k x k kernel keeps the dilation of the block before it, and every
            k x k after it has twice that dilation: the à-trous rule (Chen et al., DeepLab, 2018), by which the weights of a
            strided network serve unchanged and every other output of the dilated one is the strided one's. Spatial
            multiplexing, in which a dilated kernel has no meaning of its own, runs on every `dilation`-th pixel.
        frozen_stages: stem and stages up to this one are neither trained nor updated; -1 freezes nothing.
        norm_eval: keep the running statistics of normalisation layers as they are in training.
        norm_cfg: config of the normalisation layers.
        with_cp: recompute activations in the backward pass: less memory, more time, the same result.
        drop_path_rate: stochastic depth at the last block; None takes the architecture's own.
        init_cfg: how weights start; None takes the authors' (normal with variance 2 / (k * k * out_channels)).
            `dict(type='Pretrained', checkpoint=...)` must name a checkpoint of this very network.

    Attributes:
        out_channels (tuple[int]): channels of each returned feature.

    Raises:
        ConfigError: an argument is out of range.

    Example:
        >>> features = MUXNet('m', out_indices=(2, 4, 7))(torch.rand(1, 3, 320, 320))
        >>> [tuple(feature.shape) for feature in features]
        [(1, 40, 40, 40), (1, 112, 20, 20), (1, 1280, 10, 10)]
    """

    def __init__(self,
                 arch: str | Architecture | Mapping = 'm',
                 out_indices: Sequence[int] = (1, 2, 4, 6),
                 output_stride: int | None = None,
                 frozen_stages: int = -1,
                 norm_eval: bool = False,
                 norm_cfg: Mapping | None = None,
                 with_cp: bool = False,
                 drop_path_rate: float | None = None,
                 init_cfg: dict | list[dict] | None = None):
        norm_cfg = dict(norm_cfg or dict(type='BN', eps=1e-5, momentum=0.1))
        super().__init__(init_cfg or [
            dict(type='Kaiming', layer='Conv2d', mode='fan_out', nonlinearity='relu', distribution='normal'),
            dict(type='Constant', layer=['_BatchNorm', 'GroupNorm'], val=1),
        ])
        self.arch = get_architecture(arch)
        self.out_indices = self._checked_out_indices(out_indices)
        if output_stride not in (None, *OUTPUT_STRIDES):
            raise ConfigError(f'output_stride of MUXNet must be one of {OUTPUT_STRIDES}, or None for the strides of the '
                              f'architecture, got {output_stride!r}')
        self.output_stride = output_stride
        self.frozen_stages = frozen_stages
        self.norm_eval = norm_eval
        self.with_cp = with_cp
        last = max(self.out_indices)
        if not isinstance(frozen_stages, int) or not -1 <= frozen_stages <= last:
            raise ConfigError(f'frozen_stages of MUXNet must be from -1 (none) to {last}, the last stage that out_indices '
                              f'{self.out_indices} builds, got {frozen_stages!r}')

        self.stem = _conv_norm_act(3, self.arch.stem_channels, 3, 2, norm_cfg)
        self.stages = nn.ModuleList()
        channels, widths = self.arch.stem_channels, []
        drop_paths = self._drop_paths(drop_path_rate)
        stride, dilation = 2, 1  # after the stem
        for rows in self.arch.stages[:last + 1]:
            blocks = []
            for row in rows:
                own_stride = getattr(row, 'stride', 1)
                dense = own_stride > 1 and stride == output_stride
                block, channels = build_block(row, channels, norm_cfg, next(drop_paths), dilation, dense)
                blocks.append(block)
                stride, dilation = (stride, dilation * own_stride) if dense else (stride * own_stride, dilation)
            self.stages.append(nn.Sequential(*blocks))
            widths.append(channels)
        if last == len(self.arch.stages):
            self.stages.append(_conv_norm_act(channels, self.arch.head_channels, 1, 1, norm_cfg))
            widths.append(self.arch.head_channels)
        self.out_channels = tuple(widths[index] for index in self.out_indices)
        self._freeze()

    def _checked_out_indices(self, out_indices: Sequence[int]) -> tuple[int, ...]:
        head = len(self.arch.stages)
        indices = tuple(out_indices) if isinstance(out_indices, Sequence) else (out_indices, )
        in_range = all(isinstance(index, int) and 0 <= index <= head for index in indices)
        if not indices or not in_range or len(set(indices)) < len(indices):
            raise ConfigError(f'out_indices of MUXNet must be different numbers from 0 to {head} ({head} is the head '
                              f'convolution), got {out_indices!r}')
        return indices

    def _drop_paths(self, rate: float | None):
        rate = self.arch.drop_path_rate if rate is None else rate
        if not isinstance(rate, Real) or not 0 <= rate < 1:
            raise ConfigError(f'drop_path_rate of MUXNet must be a number from 0 to below 1, got {rate!r}')
        blocks = sum(len(rows) for rows in self.arch.stages)
        return iter([rate * index / blocks for index in range(blocks)])

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Images (N, 3, H, W), H and W from 32 up -> one feature (N, C, H / stride, W / stride) for each out index.

        Sizes are rounded up at each stride. Stages 0 to 6 of the family have strides 2, 4, 8, 16, 16, 32, 32, the head 32, or
        `output_stride` where that is less.

        Raises:
            DatasetError: H or W is below 32.
        """
        if min(x.shape[-2:]) < MIN_INPUT_SIZE:
            raise DatasetError(f'MUXNet needs pictures of at least {MIN_INPUT_SIZE} x {MIN_INPUT_SIZE} pixels, got '
                               f'{x.shape[-2]} x {x.shape[-1]}: enlarge them in the pipeline (Resize) or leave them out')
        x = self.stem(x)
        outs = {}
        for index, stage in enumerate(self.stages):
            for block in stage:
                x = recompute_in_backward(block, x) if self.with_cp and self.training else block(x)
            outs[index] = x
        return tuple(outs[index] for index in self.out_indices)

    def init_weights(self):
        """Start the weights as `init_cfg` says.

        Raises:
            CheckpointError: a `Pretrained` checkpoint is not one of this network.
        """
        if not self.is_init:
            check_pretrained(self)
        super().init_weights()

    def _freeze(self):
        if self.frozen_stages < 0:
            return
        for module in (self.stem, *self.stages[:self.frozen_stages + 1]):
            module.eval()
            module.requires_grad_(False)

    def train(self, mode: bool = True) -> 'MUXNet':
        """Switch to training or evaluation; frozen stages and, with `norm_eval`, all statistics stay in evaluation."""
        super().train(mode)
        self._freeze()
        if mode and self.norm_eval:
            for module in self.modules():
                if isinstance(module, _BatchNorm):
                    module.eval()
        return self


def _conv_norm_act(in_channels: int, out_channels: int, kernel_size: int, stride: int, norm_cfg: dict) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel_size, stride, (kernel_size - 1) // 2, bias=False),
        build_norm_layer(norm_cfg, out_channels)[1],
        nn.SiLU(),
    )
