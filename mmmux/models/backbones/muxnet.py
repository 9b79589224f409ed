"""MUXNet backbone (Lu, Deb, Boddeti, "MUXConv: Information Multiplexing in Convolutional Neural Networks", CVPR 2020)."""
from collections.abc import Iterator, Mapping, Sequence
from numbers import Real

from mmcv.cnn import build_norm_layer
from mmengine.model import BaseModule
from mmengine.registry import MODELS
from torch import Tensor, nn

from mmmux.checkpoints.input_channels import stem_of_three_channels
from mmmux.checkpoints.pretrained import check_pretrained
from mmmux.models.architectures import Architecture, get_architecture
from mmmux.models.layers import BlockOptions, atrous_samplings, build_block
from mmmux.models.layers.recompute import recompute_in_backward
from mmmux.utils.compat import BatchNorm
from mmmux.utils.errors import ConfigError, DatasetError

MIN_INPUT_SIZE = 32
OUTPUT_STRIDES = (8, 16, 32)
STEM_STRIDE = 2


# Registered in mmengine's root registry, so that the name 'MUXNet' is found from the scope of every OpenMMLab package.
@MODELS.register_module()
class MUXNet(BaseModule):
    """MUXNet backbone.

    Stages are numbered from 0, in the order of the architecture table. Stage 0 includes the stem. The index after the last
    stage (7 for the family) is the 1x1 head convolution. Stages after the largest out index are not built.

    Args:
        arch (str | Architecture | Mapping): A name ('xs', 's', 'm' or 'l'), an :class:`Architecture`, or a dict with the
            fields of an :class:`Architecture`. Defaults to 'm'.
        out_indices (Sequence[int]): Indices of the stages whose outputs are returned, in any order, without repetition.
            Defaults to (1, 2, 4, 6).
        output_stride (int | None): Maximum stride of the features, in input pixels: 8, 16 or 32. None applies every stride
            of the architecture. A block whose stride would exceed the maximum keeps H and W and the dilation of the block
            before it; the k x k convolutions of all later blocks have twice that dilation. This is the à-trous rule (Chen et
            al., DeepLab, 2018): it keeps the weights, and every second output of the dilated network along H and W equals an
            output of the strided network. Spatial multiplexing has no dilated kernel; it runs on every `dilation`-th pixel
            instead. Defaults to None.
        frozen_stages (int): Index of the last frozen stage. The stem and the stages 0 to `frozen_stages` receive no gradient
            and keep their running statistics. -1 freezes nothing. Defaults to -1.
        norm_eval (bool): Keep the running statistics of batch normalisation constant in training. Defaults to False.
        norm_cfg (Mapping | None): Config of the normalisation layers. Defaults to None, which means
            `dict(type='BN', eps=1e-5, momentum=0.1)`.
        with_cp (bool): Recompute the activations in the backward pass, which takes less memory and more time and gives the
            same result. Defaults to False.
        drop_path_rate (float | None): Stochastic depth, from 0 to below 1 (see :class:`Architecture`). Defaults to None,
            which means the rate of the architecture.
        init_cfg (dict | list[dict] | None): Initialisation of the weights. `dict(type='Pretrained', checkpoint=...)` must
            name a checkpoint of the same network. Defaults to None, which means the authors' initialisation: convolutions
            from a normal distribution with variance 2 / (k * k * out_channels).
        in_channels (int): Number of channels of the images. A `Pretrained` checkpoint of three channels is adapted: its stem's
            weights are summed for one channel, else repeated and scaled (:mod:`mmmux.checkpoints.input_channels`). Defaults
            to 3.

    Attributes:
        out_channels (tuple[int]): Number of channels of each returned feature map.

    Raises:
        ConfigError: An argument is out of range, or a row of the architecture does not fit its input channels.

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
                 init_cfg: dict | list[dict] | None = None,
                 in_channels: int = 3):
        super().__init__(init_cfg or [
            dict(type='Kaiming', layer='Conv2d', mode='fan_out', nonlinearity='relu', distribution='normal'),
            dict(type='Constant', layer=['_BatchNorm', 'GroupNorm'], val=1),
        ])
        self.arch = get_architecture(arch)
        self.out_indices = self._checked_out_indices(out_indices)
        self.output_stride = self._checked_output_stride(output_stride)
        self.frozen_stages = self._checked_frozen_stages(frozen_stages)
        self.norm_eval = norm_eval
        self.with_cp = with_cp
        norm_cfg = dict(norm_cfg or dict(type='BN', eps=1e-5, momentum=0.1))
        self.in_channels = self._checked_in_channels(in_channels)
        self.stem = _conv_norm_act(self.in_channels, self.arch.stem_channels, 3, STEM_STRIDE, norm_cfg)
        self.stages, widths = self._build_stages(norm_cfg, self._checked_drop_path_rate(drop_path_rate))
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

    def _checked_output_stride(self, output_stride: int | None) -> int | None:
        if output_stride not in (None, *OUTPUT_STRIDES):
            raise ConfigError(f'output_stride of MUXNet must be one of {OUTPUT_STRIDES}, or None for the strides of the '
                              f'architecture, got {output_stride!r}')
        return output_stride

    def _checked_frozen_stages(self, frozen_stages: int) -> int:
        last = max(self.out_indices)
        if not isinstance(frozen_stages, int) or not -1 <= frozen_stages <= last:
            raise ConfigError(f'frozen_stages of MUXNet must be from -1 (none) to {last}, the last stage that out_indices '
                              f'{self.out_indices} builds, got {frozen_stages!r}')
        return frozen_stages

    def _checked_in_channels(self, channels: int) -> int:
        if not isinstance(channels, int) or channels < 1:
            raise ConfigError(f'in_channels of MUXNet must be a number of channels, at least 1, got {channels!r}')
        return channels

    def _checked_drop_path_rate(self, rate: float | None) -> float:
        rate = self.arch.drop_path_rate if rate is None else rate
        if not isinstance(rate, Real) or not 0 <= rate < 1:
            raise ConfigError(f'drop_path_rate of MUXNet must be a number from 0 to below 1, got {rate!r}')
        return rate

    def _build_stages(self, norm_cfg: dict, drop_path_rate: float) -> tuple[nn.ModuleList, list[int]]:
        """Build the stages up to the last out index; return them and the number of output channels of each."""
        arch, last = self.arch, max(self.out_indices)
        options = self._block_options(norm_cfg, drop_path_rate)
        stages, widths, channels = nn.ModuleList(), [], arch.stem_channels
        for rows in arch.stages[:last + 1]:
            blocks = []
            for row in rows:
                block, channels = build_block(row, channels, next(options))
                blocks.append(block)
            stages.append(nn.Sequential(*blocks))
            widths.append(channels)
        if last == len(arch.stages):
            stages.append(_conv_norm_act(channels, arch.head_channels, 1, 1, norm_cfg))
            widths.append(arch.head_channels)
        return stages, widths

    def _block_options(self, norm_cfg: dict, drop_path_rate: float) -> Iterator[BlockOptions]:
        rows = [row for stage in self.arch.stages for row in stage]
        samplings = atrous_samplings((getattr(row, 'stride', 1) for row in rows), self.output_stride, STEM_STRIDE)
        for index, sampling in enumerate(samplings):
            yield BlockOptions(norm_cfg, sampling, drop_path_rate * index / len(rows))

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Compute the features of a batch of images.

        Args:
            x (Tensor): Images, shape (N, in_channels, H, W), H and W at least 32 pixels.

        Returns:
            tuple[Tensor, ...]: One feature map (N, C, H / stride, W / stride) per out index; each stride rounds H and W up.
            Stages 0 to 6 of the family have strides 2, 4, 8, 16, 16, 32, 32 and the head has stride 32, each limited to
            `output_stride`.

        Raises:
            DatasetError: H or W is below 32, or the images have another number of channels.
        """
        if x.shape[1] != self.in_channels:
            raise DatasetError(f'MUXNet has in_channels={self.in_channels}, and the images have {x.shape[1]} channels: set '
                               'in_channels of the backbone, or channels of mmmux.LoadChannels in the pipelines')
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
        """Initialise the weights according to `init_cfg`.

        Raises:
            CheckpointError: A `Pretrained` checkpoint does not fit this network.
        """
        if self.is_init:
            super().init_weights()
            return
        with stem_of_three_channels(self, self.stem[0], 'stem.0.weight'):
            check_pretrained(self)
            super().init_weights()

    def _freeze(self):
        if self.frozen_stages < 0:
            return
        for module in (self.stem, *self.stages[:self.frozen_stages + 1]):
            module.eval()
            module.requires_grad_(False)

    def train(self, mode: bool = True) -> 'MUXNet':
        """Set training or evaluation mode; frozen stages and, with `norm_eval`, batch normalisation stay in evaluation mode.

        Args:
            mode (bool): True for training, False for evaluation. Defaults to True.

        Returns:
            MUXNet: The network itself.
        """
        super().train(mode)
        self._freeze()
        if mode and self.norm_eval:
            for module in self.modules():
                if isinstance(module, BatchNorm):
                    module.eval()
        return self


def _conv_norm_act(in_channels: int, out_channels: int, kernel_size: int, stride: int, norm_cfg: dict) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel_size, stride, (kernel_size - 1) // 2, bias=False),
        build_norm_layer(norm_cfg, out_channels)[1],
        nn.SiLU(),
    )
