"""Mixed kernels: one depthwise convolution of each size on its own share of the channels."""
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .channel_split import near_equal_groups
from .dense_sampling import depthwise_convs


class MixedConv(nn.Module):
    """Depthwise convolutions of several kernel sizes side by side (Tan and Le, MixConv, BMVC 2019; used by MUXNet).

    Args:
        channels: number of channels C, in and out.
        kernel_sizes: odd kernel sizes; the first also takes the channels that do not divide evenly.
        stride, dilation: of every convolution.
    """

    def __init__(self, channels: int, kernel_sizes: Sequence[int], stride: int = 1, dilation: int = 1):
        super().__init__()
        self.split_sizes = near_equal_groups(channels, len(kernel_sizes))
        self.convs = depthwise_convs(self.split_sizes, kernel_sizes, stride, dilation)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, ceil(H / stride), ceil(W / stride))."""
        parts = x.split(self.split_sizes, dim=1)
        return torch.cat([conv(part) for conv, part in zip(self.convs, parts)], dim=1)
