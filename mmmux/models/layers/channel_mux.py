"""Channel multiplexing: some channels are processed, the rest wait for a later block."""
import torch
from torch import Tensor, nn


def channel_shuffle(x: Tensor, groups: int) -> Tensor:
    """Deal the channels of each group out in turn (Zhang et al., ShuffleNet, CVPR 2018): (N, C, H, W) -> (N, C, H, W)."""
    # torch's own channel_shuffle has no derivative in torch 2.1.
    return x.unflatten(1, (groups, -1)).transpose(1, 2).flatten(1, 2)


class ChannelMux(nn.Module):
    """Send the first channels through a block and shuffle them with the rest (the MUXConv paper, section 3).

    Args:
        block: a module that maps (N, c, H, W) to the same shape, c being `processed`.
        processed: how many of the C channels the block takes; the paper leaves out the others.
        shuffle_groups: the C channels are shuffled in this many groups, so that the next block meets other channels.
    """

    def __init__(self, block: nn.Module, processed: int, shuffle_groups: int = 2):
        super().__init__()
        self.block = block
        self.processed = processed
        self.shuffle_groups = shuffle_groups

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, H, W)."""
        out, waiting = self.block(x[:, :self.processed]), x[:, self.processed:]
        if self.shuffle_groups == 2 and out.shape == waiting.shape:  # then both steps are one copy: deal one from each in turn
            return torch.stack([out, waiting], dim=2).flatten(1, 2)
        return channel_shuffle(torch.cat([out, waiting], dim=1), self.shuffle_groups)
