"""Build the blocks of MUXNet from the rows of an architecture table."""
from dataclasses import dataclass, replace

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


@dataclass(frozen=True)
class BlockOptions:
    """The properties of a block that its network sets, beside the row of the architecture table.

    Attributes:
        norm_cfg (dict): Config of the normalisation layers.
        sampling (Sampling): Stride and dilation of the k x k convolution.
        drop_path (float): Probability of dropping the residual branch in training. Defaults to 0.
    """
    norm_cfg: dict
    sampling: Sampling
    drop_path: float = 0.


class DepthwiseSeparable(nn.Module):
    """Depthwise separable block: depthwise k x k, norm, activation, SE, 1x1, norm.

    The block adds its input to its output if both have the same shape.

    Args:
        in_channels (int): Number of input channels C.
        row (DS): Row of the architecture table.
        options (BlockOptions): Normalisation, sampling and stochastic depth.

    Raises:
        ValueError: Kernel sizes, scales and channels do not fit each other.
    """

    def __init__(self, in_channels: int, row: DS, options: BlockOptions):
        super().__init__()
        self.conv = kxk_conv(in_channels, row, options.sampling)
        self.norm1 = build_norm_layer(options.norm_cfg, in_channels)[1]
        self.act = ACTIVATIONS[row.act]()
        self.se = squeeze_excite(in_channels, in_channels, row)
        self.project = nn.Conv2d(in_channels, row.out_channels, 1, bias=False)
        self.norm2 = build_norm_layer(options.norm_cfg, row.out_channels)[1]
        self.identity = options.sampling.stride == 1 and in_channels == row.out_channels
        self.drop_path = DropPath(options.drop_path) if options.drop_path else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block.

        Args:
            x (Tensor): Shape (N, C, H, W).

        Returns:
            Tensor: Shape (N, out_channels, ceil(H / s), ceil(W / s)), s being `sampling.applied_stride`.
        """
        out = self.se(self.act(self.norm1(self.conv(x))))
        out = self.norm2(self.project(out))
        return x + self.drop_path(out) if self.identity else out


class InvertedResidual(nn.Module):
    """Inverted residual block: 1x1 expansion, k x k, SE, 1x1 projection, with norms and activations between.

    The block adds its input to its output if both have the same shape (Sandler et al., MobileNetV2, CVPR 2018).

    Args:
        in_channels (int): Number of input channels.
        out_channels (int): Number of output channels.
        row (IR | MUX): Row of the architecture table.
        options (BlockOptions): Normalisation, sampling and stochastic depth.
        channels_per_group (int): Channels per group of the k x k convolution: 1 (depthwise) or 2. With spatial multiplexing
            the convolution is always depthwise. Defaults to 1.

    Raises:
        ValueError: The expansion leaves no channels, or kernel sizes, scales and channels do not fit each other.
    """

    def __init__(self, in_channels: int, out_channels: int, row: IR | MUX, options: BlockOptions,
                 channels_per_group: int = 1):
        super().__init__()
        hidden = int(in_channels * row.expand_ratio)
        if not hidden:
            raise ValueError(f'expand_ratio {row.expand_ratio} expands {in_channels} channels to 0')
        self.expand = nn.Conv2d(in_channels, hidden, 1, bias=False)
        self.norm1 = build_norm_layer(options.norm_cfg, hidden)[1]
        self.conv = kxk_conv(hidden, row, options.sampling, channels_per_group)
        self.norm2 = build_norm_layer(options.norm_cfg, hidden)[1]
        self.act = ACTIVATIONS[row.act]()
        self.se = squeeze_excite(hidden, in_channels, row)
        self.project = nn.Conv2d(hidden, out_channels, 1, bias=False)
        self.norm3 = build_norm_layer(options.norm_cfg, out_channels)[1]
        self.identity = options.sampling.stride == 1 and in_channels == out_channels
        self.drop_path = DropPath(options.drop_path) if options.drop_path else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block.

        Args:
            x (Tensor): Shape (N, in_channels, H, W).

        Returns:
            Tensor: Shape (N, out_channels, ceil(H / s), ceil(W / s)), s being `sampling.applied_stride`.
        """
        out = self.act(self.norm1(self.expand(x)))
        out = self.se(self.act(self.norm2(self.conv(out))))
        out = self.norm3(self.project(out))
        return x + self.drop_path(out) if self.identity else out


def kxk_conv(channels: int, row: Row, sampling: Sampling, channels_per_group: int = 1) -> nn.Module:
    """Build the k x k convolution of a block: spatially multiplexed, with mixed kernels, or a single grouped convolution.

    Args:
        channels (int): Number of input and output channels.
        row (Row): Row of the architecture table; its `kernel_size` and `scales` apply.
        sampling (Sampling): Stride and dilation.
        channels_per_group (int): Channels per group without spatial multiplexing: 1 (depthwise) or 2. Defaults to 1.

    Returns:
        nn.Module: A layer that maps (N, channels, H, W) to (N, channels, ceil(H / s), ceil(W / s)), s being
        `sampling.applied_stride`.

    Raises:
        ValueError: Kernel sizes, scales and channels do not fit each other.
    """
    kernel_size = row.kernel_size
    if row.scales is not None:
        return SpatialMux(channels, kernel_size, row.scales, sampling.stride, sampling.dilation, sampling.dense)
    stride, dilation = sampling.applied_stride, sampling.dilation
    if not isinstance(kernel_size, int):
        if channels_per_group != 1:
            raise ValueError(f'kernel_size {kernel_size} has several sizes, but only a depthwise convolution can mix kernels, '
                             f'and this one has {channels_per_group} channels per group: give a single kernel_size')
        return MixedConv(channels, kernel_size, stride, dilation)
    if channels % channels_per_group:
        raise ValueError(f'{channels} expanded channels are not divisible by {channels_per_group}, the channels per group: '
                         'change expand_ratio')
    return (DepthwiseConv if channels_per_group == 1 else PairConv)(channels, kernel_size, stride, dilation)


def squeeze_excite(channels: int, block_channels: int, row: Row) -> nn.Module:
    """Build the SE layer of a block.

    Args:
        channels (int): Number of input and output channels of the layer.
        block_channels (int): Number of input channels of the block, of which the row's `se_ratio` is a fraction.
        row (Row): Row of the architecture table.

    Returns:
        nn.Module: The SE layer, or an identity if `se_ratio` is 0.
    """
    if not row.se_ratio:
        return nn.Identity()
    return SqueezeExcite(channels, max(1, int(block_channels * row.se_ratio)), ACTIVATIONS[row.act]())


def build_block(row: Row, in_channels: int, options: BlockOptions) -> tuple[nn.Module, int]:
    """Build the block of one row of an architecture table.

    Args:
        row (Row): Row of the architecture table.
        in_channels (int): Number of input channels of the block.
        options (BlockOptions): Normalisation, sampling and stochastic depth. :class:`MUX` rows ignore `drop_path`.

    Returns:
        tuple[nn.Module, int]: The block and its number of output channels.

    Raises:
        ConfigError: The row does not fit `in_channels` channels.
    """
    try:
        if isinstance(row, MUX):
            return _mux(row, in_channels, replace(options, drop_path=0.)), in_channels
        if isinstance(row, DS):
            return DepthwiseSeparable(in_channels, row, options), row.out_channels
        return InvertedResidual(in_channels, row.out_channels, row, options), row.out_channels
    except ValueError as error:
        raise ConfigError(f'{row} does not fit an input of {in_channels} channels: {error}') from None


def _mux(row: MUX, channels: int, options: BlockOptions) -> ChannelMux:
    processed = int(channels * row.split_ratio)
    if not processed:
        raise ValueError(f'split_ratio {row.split_ratio} selects {processed} of {channels} channels, and at least 1 is needed')
    if channels % row.shuffle_groups:
        raise ValueError(f'{channels} channels are not divisible by shuffle_groups {row.shuffle_groups}')
    block = InvertedResidual(processed, processed, row, options, MUX_CHANNELS_PER_GROUP)
    return ChannelMux(block, processed, row.shuffle_groups)
