"""Convert a stage of MUXNet to its exact form."""
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mmmux.models.layers import ChannelMux, DepthwiseSeparable

from .block import exact_depthwise_separable, exact_inverted_residual
from .channel_order import after_mux, before_mux, in_order, is_identity
from .stage_form import StageForm


class TakingChannels(nn.Module):
    """Apply a channel-multiplexed block to a tensor whose channels are stored in any order.

    The output stores the processed channels first and the other channels after them. The shuffle of the trained network is
    omitted: the weights of the next block account for it.

    Args:
        block (nn.Module): Exact block for the processed channels, without its identity.
        places (Tensor): Storage position of each channel, (C, ), int64; the processed channels are the first.
        processed (int): Number of processed channels, less than C.
    """

    def __init__(self, block: nn.Module, places: Tensor, processed: int):
        super().__init__()
        self.block = block
        self.register_buffer('taken', places[:processed])
        self.register_buffer('waiting', places[processed:])

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block to the processed channels.

        Args:
            x (Tensor): Stored input (N, C, H, W).

        Returns:
            Tensor: (N, C, H, W), the processed channels first.
        """
        taken = x[:, self.taken]
        return torch.cat([taken + self.block(taken), x[:, self.waiting]], 1)


class InOrder(nn.Module):
    """Permute channels into the trained network's order, then apply a block.

    Only a :class:`DepthwiseSeparable` block that follows a channel-multiplexed one needs this; the released architectures have
    none.

    Args:
        block (nn.Module): Block that reads channels in the trained network's order.
        places (Tensor): Position map of the input, (C, ), int64.
    """

    def __init__(self, block: nn.Module, places: Tensor):
        super().__init__()
        self.block = block
        self.register_buffer('places', places)

    def forward(self, x: Tensor) -> Tensor:
        """Permute the channels and apply the block.

        Args:
            x (Tensor): Stored input (N, C, H, W).

        Returns:
            Tensor: (N, out_channels, h, w).
        """
        return self.block(in_order(x, self.places))


def exact_stage(stage: Sequence[nn.Module], before: Tensor, form: StageForm) -> tuple[nn.Sequential, Tensor]:
    """Convert a stage to its exact form.

    Args:
        stage (Sequence[nn.Module]): Trained blocks.
        before (Tensor): Position map of the stage's input (see :mod:`.channel_order`), (C, ), int64.
        form (StageForm): How to compute the stage.

    Returns:
        tuple[nn.Sequential, Tensor]: The exact stage, and the position map of its output.

    Raises:
        ConfigError: A block has a k x k convolution or a normalisation without an exact form.
    """
    blocks = []
    for number, block in enumerate(stage):
        exact, before = _exact_block(block, before, stage[number + 1:], form)
        blocks.append(exact)
    # The weights were merged and folded in float64.
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
    """Choose the order in which a block writes its output, so that the stage's output ends in the trained network's order."""
    places = torch.arange(block.project.out_channels)
    muxes = [other for other in following if isinstance(other, ChannelMux)]
    if form.is_in_place(len(places)) and len(muxes) == len(following):
        for mux in reversed(muxes):
            places = before_mux(places, mux)
    return places
