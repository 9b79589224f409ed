"""A stage of MUXNet as inference needs it: its blocks, and where they store their channels."""
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mmmux.models.layers import ChannelMux, DepthwiseSeparable

from .block import exact_depthwise_separable, exact_inverted_residual
from .channel_order import after_mux, before_mux, in_order, is_identity
from .stage_form import StageForm


class TakingChannels(nn.Module):
    """A channel-multiplexed block on a tensor that is stored in any order. What it processed comes first, the rest after it.

    The shuffle that follows in the trained network is left to whoever reads next.

    Args:
        block: of the processed channels, without its identity.
        places: where the block's channels are stored, the processed ones first.
        processed: how many it processes, not all.
    """

    def __init__(self, block: nn.Module, places: Tensor, processed: int):
        super().__init__()
        self.block = block
        self.register_buffer('taken', places[:processed])
        self.register_buffer('waiting', places[processed:])

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, H, W)."""
        taken = x[:, self.taken]
        return torch.cat([taken + self.block(taken), x[:, self.waiting]], 1)


class InOrder(nn.Module):
    """A block on channels put back into their ordinary order, for the one kind that cannot take them as they are stored.

    That is a :class:`DepthwiseSeparable` block after a channel-multiplexed one, in a table of one's own.
    """

    def __init__(self, block: nn.Module, places: Tensor):
        super().__init__()
        self.block = block
        self.register_buffer('places', places)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, out_channels, h, w)."""
        return self.block(in_order(x, self.places))


def exact_stage(stage: Sequence[nn.Module], before: Tensor, form: StageForm) -> tuple[nn.Sequential, Tensor]:
    """The exact form of a stage, and the position map of its output (see :mod:`.channel_positions`).

    Args:
        stage: the trained blocks.
        before: the position map of its input.
        form: how it is computed.
    """
    blocks = []
    for number, block in enumerate(stage):
        exact, before = _exact_block(block, before, stage[number + 1:], form)
        blocks.append(exact)
    # Merged and folded in float64.
    return nn.Sequential(*blocks).to(next(stage[0].parameters()).dtype), before


def _exact_block(block: nn.Module, before: Tensor, following: Sequence[nn.Module],
                 form: StageForm) -> tuple[nn.Module, Tensor]:
    if isinstance(block, ChannelMux):
        if form.is_in_place(len(before)) or block.processed == len(before):
            return exact_inverted_residual(block.block, before, before, form), after_mux(before, block)
        ordinary = torch.arange(block.processed)
        exact = exact_inverted_residual(block.block, ordinary, ordinary, form)
        exact.identity = False
        return TakingChannels(exact, before, block.processed), after_mux(torch.arange(len(before)), block)
    if isinstance(block, DepthwiseSeparable):
        after = torch.arange(len(before)) if block.identity else _written(block, following, form)
        exact = exact_depthwise_separable(block, after, form)
        return exact if is_identity(before) else InOrder(exact, before), after
    after = before if block.identity else _written(block, following, form)
    return exact_inverted_residual(block, before, after, form), after


def _written(block: nn.Module, following: Sequence[nn.Module], form: StageForm) -> Tensor:
    """In which order a block whose output has no order yet writes it: so that the stage's own ends in the ordinary one."""
    places = torch.arange(block.project.out_channels)
    muxes = [other for other in following if isinstance(other, ChannelMux)]
    if form.is_in_place(len(places)) and len(muxes) == len(following):
        for mux in reversed(muxes):
            places = before_mux(places, mux)
    return places
