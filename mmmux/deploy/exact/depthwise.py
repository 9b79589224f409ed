"""Compute the k x k convolution of a block on parts of its hidden channels, without splitting or concatenating a tensor.

Each part has its own expansion, k x k convolution, gates and projection. A part can hold any hidden channels, because the rows
of the expansion's weight can be in any order.
"""
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmmux.models.layers.mixed_conv import MixedConv
from mmmux.models.layers.pair_conv import in_wider_groups
from mmmux.models.layers.spatial_mux import SpatialMux
from mmmux.utils.errors import ConfigError, in_a_line

from .fold_norm import conv_with, folded_weight, norm_scale_and_shift
from .stage_form import StageForm

# Runtimes store channels in blocks, of 16 on processors with AVX-512 and of 8 on processors with AVX2. ONNX Runtime leaves its
# blocked layout for averages over a number of channels that is not a multiple of the block. The values are constants, so that a
# file does not depend on the processor that writes it.
ALIGNMENT, BLOCK = 16, 8
MOST_FILLED = 1 / 8  # largest share of zero channels, since processors with AVX2 need no blocks of 16 and gain nothing
FINER_ALIGNMENT = 4
PART, EARLY = 32, 192  # channels of a part, and the largest number of channels that is cut into parts

Fill = Callable[[Sequence[int]], list[int]]


class Scaled(nn.Module):
    """Apply a module and then `x * scale + shift` per channel, for a scale that cannot be folded into the module's weights.

    Args:
        module (nn.Module): Maps (N, C, H, W) to (N, C, h, w).
        scale (Tensor): (C, ).
        shift (Tensor): (C, ).
    """

    def __init__(self, module: nn.Module, scale: Tensor, shift: Tensor):
        super().__init__()
        self.module = module
        self.register_buffer('scale', scale[:, None, None])
        self.register_buffer('shift', shift[:, None, None])

    def forward(self, x: Tensor) -> Tensor:
        """Apply the module, the scale and the shift.

        Args:
            x (Tensor): (N, C, H, W).

        Returns:
            Tensor: (N, C, h, w).
        """
        return self.module(x) * self.scale + self.shift


class HiddenParts(nn.Module):
    """Convolve parts of the hidden channels; each output part is a sum of convolutions of input parts.

    Args:
        channels (Sequence[Sequence[int]]): Hidden channels of each part, in order; -1 is a channel of zeros that fills the part
            up.
        convs (Sequence[Sequence[nn.Module | None]]): `convs[i][j]` is the convolution from part j to part i, or None.
    """

    def __init__(self, channels: Sequence[Sequence[int]], convs: Sequence[Sequence[nn.Module | None]]):
        super().__init__()
        self.channels = [list(part) for part in channels]
        self.sources = [[j for j, conv in enumerate(row) if conv is not None] for row in convs]
        self.convs = nn.ModuleList(nn.ModuleList(conv for conv in row if conv is not None) for row in convs)

    def forward(self, parts: list[Tensor]) -> list[Tensor]:
        """Convolve the parts.

        Args:
            parts (list[Tensor]): Parts of the hidden channels, each (N, c, H, W).

        Returns:
            list[Tensor]: Parts of the convolved channels, each (N, c, h, w).
        """
        outs = []
        for sources, convs in zip(self.sources, self.convs):
            out = convs[0](parts[sources[0]])
            for source, conv in zip(sources[1:], convs[1:]):
                out += conv(parts[source])
            outs.append(out)
        return outs


def hidden_parts(conv: nn.Module, norm: nn.Module, form: StageForm, fill: Fill | None = None) -> HiddenParts:
    """Split a block's k x k convolution into convolutions of parts, and fold its normalisation.

    Args:
        conv (nn.Module): Trained convolution: depthwise, in groups of two channels, mixed or spatially multiplexed.
        norm (nn.Module): Batch normalisation after the convolution.
        form (StageForm): How to split the convolution.
        fill (Callable[[Sequence[int]], list[int]] | None): Adds channels of zeros to the channels of a part. A convolution
            whose input comes from no expansion needs `list`. Default: None, :func:`whole_blocks`.

    Returns:
        HiddenParts: The convolutions and the hidden channels of each part.

    Raises:
        ConfigError: The convolution is of another kind, or the normalisation cannot be folded.
    """
    fill = fill or whole_blocks
    if isinstance(conv, SpatialMux):
        return _spatially_multiplexed(conv, norm)
    if isinstance(conv, MixedConv):
        return _mixed(conv, norm, form.merged, fill)
    if isinstance(conv, nn.Conv2d) and conv.groups == conv.in_channels == conv.out_channels:
        return _plain(conv, norm, PART if form.cut and can_be_cut(conv) else conv.out_channels, fill)
    if isinstance(conv, nn.Conv2d) and 2 * conv.groups == conv.in_channels == conv.out_channels:
        return _halves(conv, norm) if form.halved else _groups(conv, norm)
    raise ConfigError(f'the exact form does not support the k x k convolution {in_a_line(str(conv))}: accepted are depthwise '
                      'ones, groups of two channels, MixedConv and SpatialMux')


def _depthwise(weight: Tensor, bias: Tensor | None, like: nn.Conv2d) -> nn.Conv2d:
    kernel_size = weight.shape[-1]
    return conv_with(weight, bias, stride=like.stride, padding=(kernel_size - 1) // 2 * like.dilation[0],
                     dilation=like.dilation, groups=len(weight))


def can_be_cut(conv: nn.Module) -> bool:
    """Return whether :attr:`.stage_form.StageForm.cut` applies to a k x k convolution.

    Args:
        conv (nn.Module): Convolution of a trained block.

    Returns:
        bool: True for a depthwise convolution of more than `PART` and at most `EARLY` channels.
    """
    return isinstance(conv, nn.Conv2d) and PART < conv.groups == conv.out_channels <= EARLY


def _plain(conv: nn.Conv2d, norm: nn.Module, size: int, fill: Fill) -> HiddenParts:
    weight, bias = folded_weight(conv, norm)
    parts = [fill(part.tolist()) for part in torch.arange(len(weight)).split(size)]
    weight, bias = with_zero(weight), with_zero(bias)
    return _apart(parts, [_depthwise(weight[part], bias[part], conv) for part in parts])


def _apart(parts: Sequence[Sequence[int]], convs: Sequence[nn.Module]) -> HiddenParts:
    """Convolve each part separately: part i by `convs[i]`."""
    return HiddenParts(parts, [[conv if i == j else None for j in range(len(parts))] for i, conv in enumerate(convs)])


def _halves(conv: nn.Conv2d, norm: nn.Module) -> HiddenParts:
    # The channels of a group are a pair (a, b): the first part holds every a, the second part every b.
    weight, bias = folded_weight(conv, norm)
    halves = [whole_blocks(range(first, len(weight), 2)) for first in (0, 1)]
    weight, bias = with_zero(weight), with_zero(bias)
    convs = [[_depthwise(weight[half, source:source + 1], bias[half] if source == 0 else None, conv) for source in (0, 1)]
             for half in halves]
    return HiddenParts(halves, convs)


def _groups(conv: nn.Conv2d, norm: nn.Module) -> HiddenParts:
    weight, bias = folded_weight(conv, norm)
    weight = in_wider_groups(weight)
    wider = conv_with(weight, bias, stride=conv.stride, padding=conv.padding, dilation=conv.dilation,
                      groups=len(weight) // weight.shape[1])
    return HiddenParts([range(len(weight))], [[wider]])


def _spatially_multiplexed(conv: SpatialMux, norm: nn.Module) -> HiddenParts:
    # One part for each group: then groups of scale 0 are plain convolutions, and only the other groups are rearranged.
    scale, shift = norm_scale_and_shift(norm)
    parts = [part.tolist() for part in torch.arange(len(scale)).split(conv.split_sizes)]
    parts = [_filled_quarters(part) if kind == 1 else part for part, kind in zip(parts, conv.scales)]
    scale, shift = with_zero(scale), with_zero(shift)
    return _apart(parts, [_group(conv, index, scale[part], shift[part]) for index, part in enumerate(parts)])


def with_zero(values: Tensor, dim: int = 0) -> Tensor:
    """Append a zero along a dimension, so that the index -1, a channel that fills a part up, selects zero.

    Args:
        values (Tensor): Any tensor.
        dim (int): Dimension of the channels. Default: 0.

    Returns:
        Tensor: The values; dimension `dim` is longer by one.
    """
    return torch.cat([values, torch.zeros_like(values.narrow(dim, 0, 1))], dim)


def filled_up(channels: Sequence[int], multiple: int = ALIGNMENT) -> list[int]:
    """Append -1 (a channel of zeros) to channels until their number is a multiple of `multiple`.

    Args:
        channels (Sequence[int]): Hidden channels.
        multiple (int): Default: `ALIGNMENT`.

    Returns:
        list[int]: The channels, then -1 for each channel of zeros.
    """
    return [*channels, *[-1] * (-len(channels) % multiple)]


def whole_blocks(channels: Sequence[int]) -> list[int]:
    """Fill channels up to blocks of 16 if the added share is at most `MOST_FILLED`, else to blocks of 8.

    Args:
        channels (Sequence[int]): Hidden channels.

    Returns:
        list[int]: The channels, then -1 for each channel of zeros.
    """
    wide = filled_up(channels)
    return wide if len(wide) <= (1 + MOST_FILLED) * len(channels) else filled_up(channels, BLOCK)


def _filled_quarters(part: list[int]) -> list[int]:
    # The finer grid has a quarter of the channels; their pixels come from four blocks of channels here. ONNX Runtime takes five
    # times as long where the quarter is not a multiple of 4.
    share = len(part) // 4
    quarters = (part[start:start + share] for start in range(0, len(part), share))
    return [channel for quarter in quarters for channel in filled_up(quarter, FINER_ALIGNMENT)]


def _group(conv: SpatialMux, index: int, scale: Tensor, shift: Tensor) -> nn.Module:
    inner, kind = conv.convs[index], conv.scales[index]
    weight = inner.weight.double()
    kernel_size = weight.shape[-1]
    if kind == 0:
        return conv_with(weight * scale[:, None, None, None], shift, stride=1 if conv.dense else conv.stride,
                         padding=(kernel_size - 1) // 2 * conv.dilation, dilation=conv.dilation, groups=len(weight))
    alone = SpatialMux(len(scale), kernel_size, [kind], conv.stride, conv.dilation, conv.dense)
    if kind == 1:  # four channels of the norm are pixels of one channel of the convolution: its weight cannot scale them
        filled = torch.cat([weight, weight.new_zeros(len(scale) // 4 - len(weight), *weight.shape[1:])])
        alone.convs[0] = _depthwise(filled, None, inner)
        return Scaled(alone, scale, shift)
    scale, shift = scale.repeat(4), shift.repeat(4)  # space-to-channel repeats the channels in four blocks
    alone.convs[0] = _depthwise(weight * scale[:, None, None, None], shift, inner)
    return alone


def _mixed(conv: MixedConv, norm: nn.Module, merge: bool, fill: Fill) -> HiddenParts:
    scale, shift = norm_scale_and_shift(norm)
    sizes = [part.kernel_size[0] for part in conv.convs]
    largest = max(sizes)
    weight = torch.cat([F.pad(part.weight.double(), [(largest - size) // 2] * 4) for part, size in zip(conv.convs, sizes)])
    weight = weight * scale[:, None, None, None]
    kernel_sizes = [size for size, count in zip(sizes, conv.split_sizes) for _ in range(count)]
    parts = [list(range(len(weight)))] if merge else aligned_parts(kernel_sizes)
    margins = [(largest - max(kernel_sizes[channel] for channel in part)) // 2 for part in parts]
    parts = [fill(part) for part in parts]
    weight, shift = with_zero(weight), with_zero(shift)
    convs = []
    for part, margin in zip(parts, margins):
        cropped = weight[part][..., margin:largest - margin, margin:largest - margin]
        convs.append(_depthwise(cropped, shift[part], conv.convs[0]))
    return _apart(parts, convs)


def aligned_parts(kernel_sizes: Sequence[int]) -> list[list[int]]:
    """Split channels by kernel size so that every part but the last has a multiple of `ALIGNMENT` channels.

    A part of the largest kernels is filled up with channels of the next smaller size, whose kernels are then padded.

    Args:
        kernel_sizes (Sequence[int]): Kernel size of each channel.

    Returns:
        list[list[int]]: Channels of each part, in ascending order.
    """
    order = sorted(range(len(kernel_sizes)), key=lambda channel: (-kernel_sizes[channel], channel))
    parts = []
    while order:
        same = sum(kernel_sizes[channel] == kernel_sizes[order[0]] for channel in order)
        size = -(-same // ALIGNMENT) * ALIGNMENT
        parts.append(sorted(order[:size]))
        order = order[size:]
    return parts
