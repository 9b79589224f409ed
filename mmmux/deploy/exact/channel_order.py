"""Follow the storage positions of channels through a network whose shuffles are removed.

A *position map* p is a tensor (C, ), int64: the exact network stores at position p[k] the channel that the trained network has
at index k. Where p is the identity, both networks store the same tensor.
"""
import torch
from torch import Tensor

from mmmux.models.layers.channel_mux import ChannelMux, channel_shuffle


def before_mux(after: Tensor, mux: ChannelMux) -> Tensor:
    """Return the position map before a channel-multiplexed block, given the one after the block.

    The block does not move channels: the channel at position `after[j]` after the block was at the same position before it.

    Args:
        after (Tensor): Position map of the block's output, (C, ), int64.
        mux (ChannelMux): Trained block.

    Returns:
        Tensor: Position map of the block's input, (C, ), int64.
    """
    before = torch.empty_like(after)
    before[_dealt(len(after), mux)] = after
    return before


def after_mux(before: Tensor, mux: ChannelMux) -> Tensor:
    """Return the position map after a channel-multiplexed block that does not move channels, given the one before the block.

    Args:
        before (Tensor): Position map of the block's input, (C, ), int64.
        mux (ChannelMux): Trained block.

    Returns:
        Tensor: Position map of the block's output, (C, ), int64.
    """
    return before[_dealt(len(before), mux)]


def is_identity(positions: Tensor) -> bool:
    """Return whether every channel is stored at its index in the trained network.

    Args:
        positions (Tensor): Position map, (C, ), int64.

    Returns:
        bool: True if the map is the identity.
    """
    return bool((positions == torch.arange(len(positions))).all())


def in_order(x: Tensor, places: Tensor) -> Tensor:
    """Permute channels.

    Args:
        x (Tensor): (N, C, H, W).
        places (Tensor): Permutation of the channel indices, (C, ), int64.

    Returns:
        Tensor: (N, C, H, W); channel k is channel `places[k]` of `x`.
    """
    # In two halves, because OpenVINO (2026.4) folds a single permutation into the next convolution's weights as its inverse.
    return torch.cat([x[:, half] for half in places.chunk(2)], 1)


def spread_rows(rows: Tensor, positions: Tensor, width: int) -> Tensor:
    """Copy the rows of a tensor to other positions of a tensor of zeros.

    Args:
        rows (Tensor): (n, ...).
        positions (Tensor): New index of each row, (n, ), int64.
        width (int): Number of rows of the result.

    Returns:
        Tensor: (width, ...); row `positions[k]` is row k of `rows`, the others are 0.
    """
    spread = rows.new_zeros(width, *rows.shape[1:])
    spread[positions] = rows
    return spread


def spread_columns(weight: Tensor, positions: Tensor, width: int) -> Tensor:
    """Copy the columns of a tensor, such as the input channels of a convolution, to other positions of a tensor of zeros.

    Args:
        weight (Tensor): (out, n, ...).
        positions (Tensor): New index of each column, (n, ), int64.
        width (int): Number of columns of the result.

    Returns:
        Tensor: (out, width, ...); column `positions[k]` is column k of `weight`, the others are 0.
    """
    return spread_rows(weight.transpose(0, 1), positions, width).transpose(0, 1)


def _dealt(channels: int, mux: ChannelMux) -> Tensor:
    """Return the permutation (channels, ) of the shuffle after a block: it moves the channel at index `dealt[j]` to index j."""
    return channel_shuffle(torch.arange(channels).view(1, -1, 1, 1), mux.shuffle_groups).flatten()
