"""Mixed kernels: apply depthwise convolutions of several kernel sizes to separate groups of channels."""
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .channel_split import near_equal_groups
from .dense_sampling import depthwise_convs


class MixedConv(nn.Module):
    """Depthwise convolution with a different kernel size per group of channels (Tan and Le, MixConv, BMVC 2019).

    Args:
        channels (int): Number of input and output channels C.
        kernel_sizes (Sequence[int]): Odd kernel size of each group, in pixels. The first group also has the remainder of the
            channels (see :func:`near_equal_groups`).
        stride (int): Stride of every convolution. Defaults to 1.
        dilation (int): Dilation of every convolution. Defaults to 1.

    Raises:
        ValueError: There are fewer channels than kernel sizes.
    """

    def __init__(self, channels: int, kernel_sizes: Sequence[int], stride: int = 1, dilation: int = 1):
        super().__init__()
        self.split_sizes = near_equal_groups(channels, len(kernel_sizes))
        self.convs = depthwise_convs(self.split_sizes, kernel_sizes, stride, dilation)

    def forward(self, x: Tensor) -> Tensor:
        """Apply each convolution to its group and concatenate the outputs.

        Args:
            x (Tensor): Shape (N, C, H, W).

        Returns:
            Tensor: Shape (N, C, ceil(H / stride), ceil(W / stride)).
        """
        parts = x.split(self.split_sizes, dim=1)
        return torch.cat([conv(part) for conv, part in zip(self.convs, parts)], dim=1)
