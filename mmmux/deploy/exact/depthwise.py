"""The k x k step of a block on parts of its hidden channels, so that no tensor is ever split or concatenated.

Each part is expanded, convolved, gated and projected for itself. Which hidden channels make a part is free, since the rows of
the expansion can stand in any order.
"""
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmmux.models.layers.mixed_conv import MixedConv
from mmmux.models.layers.pair_conv import in_wider_groups
from mmmux.models.layers.spatial_mux import SpatialMux
from mmmux.utils.errors import ConfigError

from .fold_norm import conv_with, folded_weight, norm_scale_and_shift
from .stage_form import StageForm

# Channels of a block in which runtimes store them: on processors with AVX-512, and with AVX2. ONNX Runtime leaves its blocked
# layout to average channels that are no multiple of the block. Which processor wrote a file makes no difference to it.
ALIGNMENT, BLOCK = 16, 8
MOST_FILLED = 1 / 8  # of a part's channels: processors with AVX2, which need no blocks of 16, compute the zeros for nothing
FINER_ALIGNMENT = 4
PART, EARLY = 32, 192  # channels of a part, and the most that are cut into such parts

Fill = Callable[[Sequence[int]], list[int]]


class Scaled(nn.Module):
    """A module followed by `x * scale + shift` of each channel, where the scale cannot be folded into it."""

    def __init__(self, module: nn.Module, scale: Tensor, shift: Tensor):
        super().__init__()
        self.module = module
        self.register_buffer('scale', scale[:, None, None])
        self.register_buffer('shift', shift[:, None, None])

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, h, w)."""
        return self.module(x) * self.scale + self.shift


class HiddenParts(nn.Module):
    """Convolutions from parts to parts.

    Args:
        channels: for each part, the hidden channels that it holds, in order; -1 is a channel of zeros that fills it up.
        convs: `convs[i][j]` is the convolution from part j to part i, or None where there is none.
    """

    def __init__(self, channels: Sequence[Sequence[int]], convs: Sequence[Sequence[nn.Module | None]]):
        super().__init__()
        self.channels = [list(part) for part in channels]
        self.sources = [[j for j, conv in enumerate(row) if conv is not None] for row in convs]
        self.convs = nn.ModuleList(nn.ModuleList(conv for conv in row if conv is not None) for row in convs)

    def forward(self, parts: list[Tensor]) -> list[Tensor]:
        """Each (N, c, H, W) -> each (N, c, h, w)."""
        outs = []
        for sources, convs in zip(self.sources, self.convs):
            out = convs[0](parts[sources[0]])
            for source, conv in zip(sources[1:], convs[1:]):
                out += conv(parts[source])
            outs.append(out)
        return outs


def hidden_parts(conv: nn.Module, norm: nn.Module, form: StageForm, fill: Fill | None = None) -> HiddenParts:
    """Take a block's k x k step apart.

    Args:
        conv: the step of the trained block: depthwise, grouped by two channels, mixed or spatially multiplexed.
        norm: its batch normalisation, folded here.
        form: of the ways there are.
        fill: gives the channels of a part those of zeros that fill it up; default: :func:`whole_blocks`. A step whose input no
            expansion writes takes `list`.

    Raises:
        ConfigError: the convolution is of another kind.
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
    raise ConfigError(f'the exact form knows no block with the k x k step {conv}')


def _depthwise(weight: Tensor, bias: Tensor | None, like: nn.Conv2d) -> nn.Conv2d:
    kernel_size = weight.shape[-1]
    return conv_with(weight, bias, stride=like.stride, padding=(kernel_size - 1) // 2 * like.dilation[0],
                     dilation=like.dilation, groups=len(weight))


def can_be_cut(conv: nn.Module) -> bool:
    """Whether :attr:`.StageForm.cut` is about this k x k step."""
    return isinstance(conv, nn.Conv2d) and PART < conv.groups == conv.out_channels <= EARLY


def _plain(conv: nn.Conv2d, norm: nn.Module, size: int, fill: Fill) -> HiddenParts:
    weight, bias = folded_weight(conv, norm)
    parts = [fill(part.tolist()) for part in torch.arange(len(weight)).split(size)]
    weight, bias = with_zero(weight), with_zero(bias)
    return _apart(parts, [_depthwise(weight[part], bias[part], conv) for part in parts])


def _apart(parts: Sequence[Sequence[int]], convs: Sequence[nn.Module]) -> HiddenParts:
    """Each part convolved for itself."""
    return HiddenParts(parts, [[conv if i == j else None for j in range(len(parts))] for i, conv in enumerate(convs)])


def _halves(conv: nn.Conv2d, norm: nn.Module) -> HiddenParts:
    # With pairs (a, b), the first part holds every a and the second every b.
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
    # One part for each group, so that those of scale 0 are plain convolutions and only the others are rearranged.
    scale, shift = norm_scale_and_shift(norm)
    parts = [part.tolist() for part in torch.arange(len(scale)).split(conv.split_sizes)]
    parts = [_filled_quarters(part) if kind == 1 else part for part, kind in zip(parts, conv.scales)]
    scale, shift = with_zero(scale), with_zero(shift)
    return _apart(parts, [_group(conv, index, scale[part], shift[part]) for index, part in enumerate(parts)])


def with_zero(values: Tensor, dim: int = 0) -> Tensor:
    """Values with a zero at the end, where the index -1 of a channel that fills a part up finds it."""
    return torch.cat([values, torch.zeros_like(values.narrow(dim, 0, 1))], dim)


def filled_up(channels: Sequence[int], multiple: int = ALIGNMENT) -> list[int]:
    """Channels, and after them -1 for each channel of zeros up to a multiple of some number of channels."""
    return [*channels, *[-1] * (-len(channels) % multiple)]


def whole_blocks(channels: Sequence[int]) -> list[int]:
    """Channels filled up to blocks of 16 where this adds at most `MOST_FILLED` of them, else to blocks of 8."""
    wide = filled_up(channels)
    return wide if len(wide) <= (1 + MOST_FILLED) * len(channels) else filled_up(channels, BLOCK)


def _filled_quarters(part: list[int]) -> list[int]:
    # On the finer grid there are a quarter of the channels, in four blocks here. ONNX Runtime is five times as slow where they
    # are no multiple of 4.
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
    if kind == 1:  # the channels of one norm are pixels of one channel of the convolution, which cannot scale them apart
        filled = torch.cat([weight, weight.new_zeros(len(scale) // 4 - len(weight), *weight.shape[1:])])
        alone.convs[0] = _depthwise(filled, None, inner)
        return Scaled(alone, scale, shift)
    scale, shift = scale.repeat(4), shift.repeat(4)  # space-to-channel makes four channels of one, block by block
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


def aligned_parts(kernel_sizes: Sequence[int], multiple: int = ALIGNMENT) -> list[list[int]]:
    """Cut channels by kernel size so that each part but the last is a multiple of some number of channels.

    A part of the largest kernels is filled up with channels of the next smaller, whose kernels are then padded.
    """
    order = sorted(range(len(kernel_sizes)), key=lambda channel: (-kernel_sizes[channel], channel))
    parts = []
    while order:
        same = sum(kernel_sizes[channel] == kernel_sizes[order[0]] for channel in order)
        size = -(-same // multiple) * multiple
        parts.append(sorted(order[:size]))
        order = order[size:]
    return parts
