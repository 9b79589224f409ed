"""The blocks of MUXNet as inference needs them."""
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmmux.models.layers import DepthwiseSeparable, InvertedResidual, SqueezeExcite

from .channel_order import spread_columns, spread_rows
from .depthwise import HiddenParts, Scaled, filled_up, hidden_parts, with_zero
from .fold_norm import conv_with, folded_weight, norm_scale_and_shift
from .stage_form import StageForm


class Activation(nn.Module):
    """ReLU or Swish, in place: for what a convolution has just written."""

    def __init__(self, trained: nn.Module):
        super().__init__()
        self.swish = isinstance(trained, nn.SiLU)

    def forward(self, x: Tensor) -> Tensor:
        return F.silu(x, inplace=True) if self.swish else F.relu(x, inplace=True)


class Gates(nn.Module):
    """SE's gate of each part: from the means of all parts to one factor for each channel.

    Args:
        se: the trained layer.
        channels: for each part, the hidden channels that it holds.
        spread: give a factor for each pixel, too.
    """

    def __init__(self, se: SqueezeExcite, channels: Sequence[Sequence[int]], spread: bool):
        super().__init__()
        order = [channel for part in channels for channel in part]
        reduced = list(range(se.reduce.out_channels))
        if spread:
            reduced = filled_up(reduced)  # as `spread` is for, to stay in whole blocks
        weight, bias = with_zero(se.reduce.weight, 1)[:, order], se.reduce.bias
        self.reduce = conv_with(with_zero(weight)[reduced], with_zero(bias)[reduced])
        weight, bias = with_zero(with_zero(se.expand.weight, 1)[:, reduced]), with_zero(se.expand.bias)
        self.act = Activation(se.act)
        self.spread = spread
        self.expand = nn.ModuleList(conv_with(weight[list(part)], bias[list(part)]) for part in channels)

    def forward(self, parts: list[Tensor]) -> list[Tensor]:
        """Each (N, c, H, W) -> each (N, c, 1, 1), or (N, c, H, W) where gates are spread."""
        means = [F.adaptive_avg_pool2d(part, 1) for part in parts]
        reduced = self.act(self.reduce(torch.cat(means, 1) if len(means) > 1 else means[0]))
        gates = [expand(reduced).sigmoid_() for expand in self.expand]
        return [F.interpolate(gate, size=part.shape[-2:]) for gate, part in zip(gates, parts)] if self.spread else gates


class ExactBlock(nn.Module):
    """A block with folded norms, on parts of its hidden channels, whose input and output have their channels in any order.

    Args:
        expand: 1x1 convolutions from the input to each part; none where the input is the only part.
        spatial: the k x k step.
        gates: SE, or None.
        project: 1x1 convolutions from each part to the output, which is their sum.
        act: the activation.
        identity: the input is added to the output.
    """

    def __init__(self, expand: Sequence[nn.Conv2d], spatial: HiddenParts, gates: Gates | None, project: Sequence[nn.Conv2d],
                 act: Activation, identity: bool):
        super().__init__()
        self.expand = nn.ModuleList(expand)
        self.spatial = spatial
        self.gates = gates
        self.project = nn.ModuleList(project)
        self.act = act
        self.identity = identity

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, out_channels, h, w)."""
        parts = [self.act(expand(x)) for expand in self.expand] if len(self.expand) else [x]
        parts = [self.act(part) for part in self.spatial(parts)]
        if self.gates is not None:
            parts = [part.mul_(gate) for part, gate in zip(parts, self.gates(parts))]
        out = x if self.identity else None
        for project, part in zip(self.project, parts):  # each sum is of a convolution and a tensor, which runtimes fuse
            projected = project(part)
            out = projected if out is None else projected.add_(out)
        return out


def exact_inverted_residual(block: InvertedResidual, before: Tensor, after: Tensor,
                            form: StageForm) -> ExactBlock:
    """The exact form of an inverted residual block.

    Args:
        block: the trained block.
        before, after: the stored place of each channel that it reads and writes, in tensors of `len(before)` and
            `len(after)` channels in all. Where it reads only some (channel multiplexing), the first ones count.
        form: how the k x k step and SE are computed.
    """
    spatial = hidden_parts(block.conv, block.norm2, form)
    weight, bias = folded_weight(block.expand, block.norm1)
    weight = with_zero(spread_columns(weight, before[:block.expand.in_channels], len(before)))
    bias = with_zero(bias)
    expand = [conv_with(weight[list(part)], bias[list(part)]) for part in spatial.channels]
    return _assemble(block, expand, spatial, block.norm3, after[:block.project.out_channels], len(after), form)


def exact_depthwise_separable(block: DepthwiseSeparable, after: Tensor, form: StageForm) -> ExactBlock:
    """The exact form of a depthwise separable block, whose input is stored in its ordinary order.

    Args:
        block: the trained block.
        after: the stored place of each channel that it writes: the ordinary one where it has an identity.
        form: how SE is computed.
    """
    spatial = hidden_parts(block.conv, block.norm1, StageForm(cut=False), fill=list)
    if len(spatial.channels) > 1:  # spatially multiplexed: there is no expansion that could write in parts
        scaled = Scaled(block.conv, *norm_scale_and_shift(block.norm1))
        spatial = HiddenParts([range(block.project.in_channels)], [[scaled]])
    return _assemble(block, [], spatial, block.norm2, after, len(after), form)


def _assemble(block: DepthwiseSeparable | InvertedResidual, expand: list[nn.Conv2d], spatial: HiddenParts, norm: nn.Module,
              written: Tensor, width: int, form: StageForm) -> ExactBlock:
    weight, bias = folded_weight(block.project, norm)
    weight, bias = with_zero(spread_rows(weight, written, width), 1), spread_rows(bias, written, width)
    project = [conv_with(weight[:, part], None if index else bias) for index, part in enumerate(spatial.channels)]
    gates = Gates(block.se, spatial.channels, form.spread) if isinstance(block.se, SqueezeExcite) else None
    return ExactBlock(expand, spatial, gates, project, Activation(block.act), block.identity)
