"""The k x k step of a block on parts of its hidden channels, so that no tensor is ever split or concatenated.

Each part is expanded, convolved, gated and projected for itself. Which hidden channels make a part is free, since the rows of
the expansion can stand in any order.
"""
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmmux.errors import ConfigError
from mmmux.models.layers.mixed_conv import MixedConv
from mmmux.models.layers.spatial_mux import SpatialMux

from .fold_norm import conv_with, folded_weight, norm_scale_and_shift


class Scaled(nn.Module):
    """A module followed by `x * scale + shift` of each channel, where the scale cannot be folded into it."""

    def __init__(self, module: nn.Module, scale: Tensor, shift: Tensor):
        super().__init__()
        self.module = module
        self.register_buffer('scale', scale[:, None, None].float())
        self.register_buffer('shift', shift[:, None, None].float())

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, h, w)."""
        return self.module(x) * self.scale + self.shift


class HiddenParts(nn.Module):
    """Convolutions from parts to parts.

    Args:
        channels: for each part, the hidden channels that it holds, in order.
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
                out = out + conv(parts[source])
            outs.append(out)
        return outs


def hidden_parts(conv: nn.Module, norm: nn.Module, merge: bool = True) -> HiddenParts:
    """Take a block's k x k step apart.

    Args:
        conv: the step of the trained block: depthwise, grouped by two channels, mixed or spatially multiplexed.
        norm: its batch normalisation, folded here.
        merge: mixed kernels become one depthwise convolution, zero-padded to the largest, instead of one part a kernel.

    Raises:
        ConfigError: the convolution is of another kind.
    """
    if isinstance(conv, SpatialMux):
        channels = sum(conv.split_sizes)
        return HiddenParts([range(channels)], [[Scaled(conv, *norm_scale_and_shift(norm))]])
    if isinstance(conv, MixedConv):
        return _mixed(conv, norm, merge)
    if isinstance(conv, nn.Conv2d) and conv.groups == conv.in_channels == conv.out_channels:
        return HiddenParts([range(conv.out_channels)], [[_depthwise(*folded_weight(conv, norm), conv)]])
    if isinstance(conv, nn.Conv2d) and 2 * conv.groups == conv.in_channels == conv.out_channels:
        return _pairs(conv, norm)
    raise ConfigError(f'the exact form knows no block with the k x k step {conv}')


def _depthwise(weight: Tensor, bias: Tensor | None, like: nn.Conv2d) -> nn.Conv2d:
    kernel_size = weight.shape[-1]
    return conv_with(weight, bias, stride=like.stride, padding=(kernel_size - 1) // 2 * like.dilation[0],
                     dilation=like.dilation, groups=len(weight))


def _pairs(conv: nn.Conv2d, norm: nn.Module) -> HiddenParts:
    # With pairs (a, b), the first part holds every a and the second every b.
    weight, bias = folded_weight(conv, norm)
    convs = [[_depthwise(weight[out::2, source:source + 1], bias[out::2] if source == 0 else None, conv)
              for source in (0, 1)] for out in (0, 1)]
    return HiddenParts([range(0, len(weight), 2), range(1, len(weight), 2)], convs)


def _mixed(conv: MixedConv, norm: nn.Module, merge: bool) -> HiddenParts:
    scale, shift = norm_scale_and_shift(norm)
    weights = [part.weight.double() * part_scale[:, None, None, None]
               for part, part_scale in zip(conv.convs, scale.split(conv.split_sizes))]
    like = conv.convs[0]
    if merge:
        largest = max(weight.shape[-1] for weight in weights)
        weight = torch.cat([F.pad(weight, [(largest - weight.shape[-1]) // 2] * 4) for weight in weights])
        return HiddenParts([range(len(scale))], [[_depthwise(weight, shift, like)]])
    starts = [sum(conv.split_sizes[:index]) for index in range(len(weights))]
    channels = [range(start, start + size) for start, size in zip(starts, conv.split_sizes)]
    convs = [[_depthwise(weight, part_shift, like) if i == j else None for j in range(len(weights))]
             for i, (weight, part_shift) in enumerate(zip(weights, shift.split(conv.split_sizes)))]
    return HiddenParts(channels, convs)
