"""Channel multiplexing, the MUX block of the paper: process some of the channels and shuffle them with the others."""
import torch
from torch import Tensor, nn


def channel_shuffle(x: Tensor, groups: int) -> Tensor:
    """Interleave the channels of several groups (Zhang et al., ShuffleNet, CVPR 2018).

    Args:
        x (Tensor): Shape (N, C, H, W), C divisible by `groups`.
        groups (int): Number of groups.

    Returns:
        Tensor: Shape (N, C, H, W): the first channel of each group, then the second channel of each group, and so on.
    """
    # torch.channel_shuffle has no derivative in torch 2.1.
    return x.unflatten(1, (groups, -1)).transpose(1, 2).flatten(1, 2)


class ChannelMux(nn.Module):
    """Apply a block to the first channels and shuffle its output with the other channels (the MUXConv paper, section 3).

    Args:
        block (nn.Module): A module that maps (N, processed, H, W) to the same shape.
        processed (int): Number of channels that the block processes. The other channels skip it (the paper's leave-out).
        shuffle_groups (int): Number of groups of the channel shuffle, which gives the next block other channels to process.
            Defaults to 2.
    """

    def __init__(self, block: nn.Module, processed: int, shuffle_groups: int = 2):
        super().__init__()
        self.block = block
        self.processed = processed
        self.shuffle_groups = shuffle_groups

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block and the shuffle.

        Args:
            x (Tensor): Shape (N, C, H, W).

        Returns:
            Tensor: Shape (N, C, H, W).
        """
        out, waiting = self.block(x[:, :self.processed]), x[:, self.processed:]
        if self.shuffle_groups == 2 and out.shape == waiting.shape:  # one copy instead of two: concatenate and shuffle at once
            return torch.stack([out, waiting], dim=2).flatten(1, 2)
        return channel_shuffle(torch.cat([out, waiting], dim=1), self.shuffle_groups)
