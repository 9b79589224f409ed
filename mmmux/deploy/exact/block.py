"""Compute the blocks of MUXNet in their exact form."""
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
    """Apply ReLU or Swish in place to the output of a convolution.

    Args:
        trained (nn.Module): Activation of the trained network; `nn.SiLU` selects Swish, every other type ReLU.
    """

    def __init__(self, trained: nn.Module):
        super().__init__()
        self.swish = isinstance(trained, nn.SiLU)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the activation, and overwrite the input.

        Args:
            x (Tensor): (N, C, H, W); changed in place.

        Returns:
            Tensor: (N, C, H, W), the input itself.
        """
        return F.silu(x, inplace=True) if self.swish else F.relu(x, inplace=True)


class Gates(nn.Module):
    """Compute the gates of squeeze-and-excitation (Hu et al., CVPR 2018): one factor for each channel of each part.

    Args:
        se (SqueezeExcite): Trained layer.
        channels (Sequence[Sequence[int]]): Hidden channels of each part, -1 for a channel of zeros.
        spread (bool): Repeat each factor for every pixel, see :class:`.stage_form.StageForm`.
    """

    def __init__(self, se: SqueezeExcite, channels: Sequence[Sequence[int]], spread: bool):
        super().__init__()
        order = [channel for part in channels for channel in part]
        reduced = list(range(se.reduce.out_channels))
        if spread:
            reduced = filled_up(reduced)  # whole blocks keep ONNX Runtime in its blocked layout, as `spread` does
        weight, bias = with_zero(se.reduce.weight, 1)[:, order], se.reduce.bias
        self.reduce = conv_with(with_zero(weight)[reduced], with_zero(bias)[reduced])
        weight, bias = with_zero(with_zero(se.expand.weight, 1)[:, reduced]), with_zero(se.expand.bias)
        self.act = Activation(se.act)
        self.spread = spread
        self.expand = nn.ModuleList(conv_with(weight[list(part)], bias[list(part)]) for part in channels)

    def forward(self, parts: list[Tensor]) -> list[Tensor]:
        """Compute the gates from the mean of each channel.

        Args:
            parts (list[Tensor]): Parts of the hidden channels, each (N, c, H, W).

        Returns:
            list[Tensor]: Gates of each part, (N, c, 1, 1), or (N, c, H, W) with `spread`.
        """
        means = [F.adaptive_avg_pool2d(part, 1) for part in parts]
        reduced = self.act(self.reduce(torch.cat(means, 1) if len(means) > 1 else means[0]))
        gates = [expand(reduced).sigmoid_() for expand in self.expand]
        return [F.interpolate(gate, size=part.shape[-2:]) for gate, part in zip(gates, parts)] if self.spread else gates


class ExactBlock(nn.Module):
    """A block with folded normalisation that splits its hidden channels into parts and stores channels in any order.

    Args:
        expand (Sequence[nn.Conv2d]): 1x1 convolutions from the input to each part; empty if the input is the only part.
        spatial (HiddenParts): The k x k convolutions.
        gates (Gates | None): Squeeze-and-excitation, or None.
        project (Sequence[nn.Conv2d]): 1x1 convolutions from each part to the output; the output is their sum.
        act (Activation): Activation after the expansion and after the k x k convolutions.
        identity (bool): Add the input to the output.
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
        """Apply the block.

        Args:
            x (Tensor): Stored input (N, C, H, W).

        Returns:
            Tensor: Stored output (N, out_channels, h, w), where h = ceil(H / stride) and w = ceil(W / stride).
        """
        parts = [self.act(expand(x)) for expand in self.expand] if len(self.expand) else [x]
        parts = [self.act(part) for part in self.spatial(parts)]
        if self.gates is not None:
            parts = [part.mul_(gate) for part, gate in zip(parts, self.gates(parts))]
        out = x if self.identity else None
        for project, part in zip(self.project, parts):  # runtimes fuse a convolution and the sum with a tensor
            projected = project(part)
            out = projected if out is None else projected.add_(out)
        return out


def exact_inverted_residual(block: InvertedResidual, before: Tensor, after: Tensor,
                            form: StageForm) -> ExactBlock:
    """Convert an inverted residual block to its exact form.

    If the block reads or writes fewer channels than `before` or `after` has entries (channel multiplexing), it uses the first
    ones.

    Args:
        block (InvertedResidual): Trained block.
        before (Tensor): Position map of the input (see :mod:`.channel_order`), (channels of the stored input, ), int64.
        after (Tensor): Position map of the output, (channels of the stored output, ), int64.
        form (StageForm): How to compute the k x k convolution and squeeze-and-excitation.

    Returns:
        ExactBlock: Maps the stored input to the stored output; its folded weights are float64.

    Raises:
        ConfigError: The block has a k x k convolution or a normalisation without an exact form.
    """
    spatial = hidden_parts(block.conv, block.norm2, form)
    weight, bias = folded_weight(block.expand, block.norm1)
    weight = with_zero(spread_columns(weight, before[:block.expand.in_channels], len(before)))
    bias = with_zero(bias)
    expand = [conv_with(weight[list(part)], bias[list(part)]) for part in spatial.channels]
    return _assemble(block, expand, spatial, block.norm3, after[:block.project.out_channels], len(after), form)


def exact_depthwise_separable(block: DepthwiseSeparable, after: Tensor, form: StageForm) -> ExactBlock:
    """Convert a depthwise separable block to its exact form; the input must be stored in the trained network's order.

    Args:
        block (DepthwiseSeparable): Trained block.
        after (Tensor): Position map of the output (see :mod:`.channel_order`), (channels of the stored output, ), int64; the
            identity if the block adds its input to its output.
        form (StageForm): How to compute squeeze-and-excitation.

    Returns:
        ExactBlock: Maps the input to the stored output; its folded weights are float64.

    Raises:
        ConfigError: The block has a k x k convolution or a normalisation without an exact form.
    """
    spatial = hidden_parts(block.conv, block.norm1, StageForm(cut=False), fill=list)
    if len(spatial.channels) > 1:  # spatially multiplexed; without an expansion, the input is not in parts
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
