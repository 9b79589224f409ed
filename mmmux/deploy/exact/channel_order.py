"""Where the channels of a network are stored when nothing is shuffled.

A *position map* p says that the channel which the trained network has at k is stored at p[k]. At a place where it is the
identity, both networks store the same tensor.
"""
import torch
from torch import Tensor

from mmmux.models.layers.channel_mux import ChannelMux, channel_shuffle


def before_mux(after: Tensor, mux: ChannelMux) -> Tensor:
    """The position map before a channel-multiplexed block, given the one after it, with every channel stored in its place.

    Stored channels do not move: what is at `after[j]` afterwards was there before.
    """
    before = torch.empty_like(after)
    before[_dealt(len(after), mux)] = after
    return before


def after_mux(before: Tensor, mux: ChannelMux) -> Tensor:
    """The position map after a channel-multiplexed block, given the one before it, with every channel left in its place."""
    return before[_dealt(len(before), mux)]


def is_identity(positions: Tensor) -> bool:
    """Whether every channel is stored at its ordinary place."""
    return bool((positions == torch.arange(len(positions))).all())


def in_order(x: Tensor, places: Tensor) -> Tensor:
    """The channels of x (N, C, H, W) in the order of `places`, a permutation of all."""
    # By halves: OpenVINO (2026.4) folds a permutation into the next convolution's weights, the wrong way round.
    return torch.cat([x[:, half] for half in places.chunk(2)], 1)


def spread_rows(rows: Tensor, positions: Tensor, width: int) -> Tensor:
    """Put row k of a tensor (n, ...) at `positions[k]` of one with `width` rows, zeros elsewhere."""
    spread = rows.new_zeros(width, *rows.shape[1:])
    spread[positions] = rows
    return spread


def spread_columns(weight: Tensor, positions: Tensor, width: int) -> Tensor:
    """As :func:`spread_rows`, for the second dimension, the input channels of a convolution."""
    return spread_rows(weight.transpose(0, 1), positions, width).transpose(0, 1)


def _dealt(channels: int, mux: ChannelMux) -> Tensor:
    """The shuffle after the block puts the channel of index `dealt[j]` at j."""
    return channel_shuffle(torch.arange(channels).view(1, -1, 1, 1), mux.shuffle_groups).flatten()
