"""The blocks of MUXNet, built from the rows of an architecture table."""
from collections.abc import Sequence

from mmcv.cnn import build_norm_layer
from mmcv.cnn.bricks import DropPath
from torch import Tensor, nn

from mmmux.models.architectures import DS, IR, MUX, Row
from mmmux.utils.errors import ConfigError

from .channel_mux import ChannelMux
from .dense_sampling import DepthwiseConv, Sampling
from .mixed_conv import MixedConv
from .pair_conv import PairConv
from .spatial_mux import SpatialMux
from .squeeze_excite import SqueezeExcite

MUX_CHANNELS_PER_GROUP = 2  # as in the authors' networks
ACTIVATIONS = {'ReLU': lambda: nn.ReLU(inplace=True), 'Swish': nn.SiLU}


class DepthwiseSeparable(nn.Module):
    """Depthwise k x k, norm, activation, SE, 1x1, norm; plus the identity where shapes allow.

    Args:
        in_channels: channels C of the input.
        row: a :class:`DS` row.
        norm_cfg: config of the normalisation layers.
        drop_path: probability of dropping the residual branch in training.
        sampling: where the k x k convolution is computed.
    """

    def __init__(self, in_channels: int, row: DS, norm_cfg: dict, drop_path: float, sampling: Sampling):
        super().__init__()
        self.conv = kxk_conv(in_channels, row.kernel_size, row.scales, sampling)
        self.norm1 = build_norm_layer(norm_cfg, in_channels)[1]
        self.act = ACTIVATIONS[row.act]()
        self.se = squeeze_excite(in_channels, in_channels, row)
        self.project = nn.Conv2d(in_channels, row.out_channels, 1, bias=False)
        self.norm2 = build_norm_layer(norm_cfg, row.out_channels)[1]
        self.identity = sampling.stride == 1 and in_channels == row.out_channels
        self.drop_path = DropPath(drop_path) if drop_path else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, out_channels, ceil(H / stride), ceil(W / stride)), the stride being the applied one."""
        out = self.se(self.act(self.norm1(self.conv(x))))
        out = self.norm2(self.project(out))
        return x + self.drop_path(out) if self.identity else out


class InvertedResidual(nn.Module):
    """1x1 expansion, k x k, SE and 1x1, norms and activations between; plus the identity where shapes allow.

    Args:
        in_channels, out_channels: channels before and after the block.
        row: an :class:`IR` or :class:`MUX` row.
        sampling: where the k x k convolution is computed.
        channels_per_group: the k x k convolution is grouped by this many channels (1: depthwise, or 2); with spatial
            multiplexing it is depthwise always.
        norm_cfg: config of the normalisation layers.
        drop_path: probability of dropping the residual branch in training.
    """

    def __init__(self, in_channels: int, out_channels: int, row: IR | MUX, sampling: Sampling,
                 channels_per_group: int, norm_cfg: dict, drop_path: float = 0.):
        super().__init__()
        hidden = int(in_channels * row.expand_ratio)
        if not hidden:
            raise ValueError(f'expand_ratio {row.expand_ratio} leaves 0 of {in_channels} channels')
        self.expand = nn.Conv2d(in_channels, hidden, 1, bias=False)
        self.norm1 = build_norm_layer(norm_cfg, hidden)[1]
        self.conv = kxk_conv(hidden, row.kernel_size, row.scales, sampling, channels_per_group)
        self.norm2 = build_norm_layer(norm_cfg, hidden)[1]
        self.act = ACTIVATIONS[row.act]()
        self.se = squeeze_excite(hidden, in_channels, row)
        self.project = nn.Conv2d(hidden, out_channels, 1, bias=False)
        self.norm3 = build_norm_layer(norm_cfg, out_channels)[1]
        self.identity = sampling.stride == 1 and in_channels == out_channels
        self.drop_path = DropPath(drop_path) if drop_path else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> (N, out_channels, ceil(H / stride), ceil(W / stride)), the stride being the applied one."""
        out = self.act(self.norm1(self.expand(x)))
        out = self.se(self.act(self.norm2(self.conv(out))))
        out = self.norm3(self.project(out))
        return x + self.drop_path(out) if self.identity else out


def kxk_conv(channels: int,
             kernel_size: int | Sequence[int],
             scales: Sequence[int] | None,
             sampling: Sampling,
             channels_per_group: int = 1) -> nn.Module:
    """The k x k step of a block: spatially multiplexed, of mixed kernels, or one plain grouped convolution.

    Raises:
        ValueError: kernel sizes, scales and channels do not fit each other.
    """
    if scales is not None:
        return SpatialMux(channels, kernel_size, scales, sampling.stride, sampling.dilation, sampling.dense)
    stride, dilation = sampling.applied_stride, sampling.dilation
    if not isinstance(kernel_size, int):
        if channels_per_group != 1:
            raise ValueError(f'mixed kernels {kernel_size} are for depthwise convolutions, not for one with '
                             f'{channels_per_group} channels a group: give a single kernel_size')
        return MixedConv(channels, kernel_size, stride, dilation)
    if channels % channels_per_group:
        raise ValueError(f'{channels} expanded channels cannot be grouped by {channels_per_group}')
    return (DepthwiseConv if channels_per_group == 1 else PairConv)(channels, kernel_size, stride, dilation)


def squeeze_excite(channels: int, block_channels: int, row: Row) -> nn.Module:
    """SE on `channels`, reduced to a share of the block's input channels; nothing where the row asks for none."""
    if not row.se_ratio:
        return nn.Identity()
    return SqueezeExcite(channels, max(1, int(block_channels * row.se_ratio)), ACTIVATIONS[row.act]())


def build_block(row: Row, in_channels: int, norm_cfg: dict, drop_path: float = 0., dilation: int = 1,
                dense: bool = False) -> tuple[nn.Module, int]:
    """Build one row and tell how many channels come out of it.

    Args:
        row: a row of an architecture table.
        in_channels: channels before it.
        norm_cfg: config of the normalisation layers.
        drop_path: probability of dropping a residual branch in training.
        dilation: of the row's k x k convolution.
        dense: a stride of the row is not applied, so that H and W stay.

    Raises:
        ConfigError: the row cannot be built on `in_channels` channels.
    """
    try:
        if isinstance(row, MUX):
            return _mux(row, in_channels, norm_cfg, Sampling(dilation=dilation)), in_channels
        sampling = Sampling(row.stride, dilation, dense)
        if isinstance(row, DS):
            return DepthwiseSeparable(in_channels, row, norm_cfg, drop_path, sampling), row.out_channels
        return InvertedResidual(in_channels, row.out_channels, row, sampling, 1, norm_cfg, drop_path), row.out_channels
    except ValueError as error:
        raise ConfigError(f'{row} does not fit an input of {in_channels} channels: {error}') from None


def _mux(row: MUX, channels: int, norm_cfg: dict, sampling: Sampling) -> ChannelMux:
    processed = int(channels * row.split_ratio)
    if not processed:
        raise ValueError(f'split_ratio {row.split_ratio} leaves {processed} of {channels} channels to process')
    if channels % row.shuffle_groups:
        raise ValueError(f'shuffle_groups {row.shuffle_groups} does not divide {channels} channels')
    block = InvertedResidual(processed, processed, row, sampling, MUX_CHANNELS_PER_GROUP, norm_cfg)
    return ChannelMux(block, processed, row.shuffle_groups)
