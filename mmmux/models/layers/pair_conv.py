"""Compute a grouped convolution with two channels per group, faster on a CPU, as one with eight channels per group."""
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .channel_split import same_padding
from .dense_sampling import by_phases, prefers_phases
from .export_mode import in_export_mode

GROUP = 8  # channels per group on a CPU: eight float32 numbers fill one AVX2 vector


def in_wider_groups(weight: Tensor) -> Tensor:
    """Expand the weight of a convolution with two channels per group to wider groups, with zeros between the pairs.

    Args:
        weight (Tensor): Shape (C, 2, k, k), with C / 2 groups.

    Returns:
        Tensor: Shape (C, width, k, k). `width` is 8 if 8 divides C, else 4 if 4 divides C, else 2.
    """
    width = math.gcd(len(weight), GROUP)
    pairs = weight.unflatten(0, (-1, width // 2, 2))  # groups, pairs, out, in, k, k
    return torch.diag_embed(pairs.movedim(1, -1), dim1=1, dim2=3).flatten(0, 2).flatten(1, 2)


class PairConv(nn.Conv2d):
    """Convolution without bias with two channels per group and the weight of `torch.nn.Conv2d(..., groups=channels // 2)`.

    CPU libraries are slow for this layer, which is neither depthwise nor dense. On a CPU, the layer therefore computes a
    convolution with groups of eight channels (one AVX2 vector of float32) and zeros between the pairs. That convolution has
    four times as many multiply-adds, takes less time in both passes and gives the same result. On a GPU, cuDNN's grouped
    convolution is faster and is used.

    Args:
        channels (int): Number of input and output channels C, even.
        kernel_size (int): Odd kernel size in pixels.
        stride (int): Stride in pixels. Defaults to 1.
        dilation (int): Dilation in pixels. Defaults to 1.
    """

    def __init__(self, channels: int, kernel_size: int, stride: int = 1, dilation: int = 1):
        super().__init__(channels, channels, kernel_size, stride, same_padding(kernel_size, dilation), dilation,
                         channels // 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the convolution.

        Args:
            x (Tensor): Shape (N, C, H, W).

        Returns:
            Tensor: Shape (N, C, ceil(H / stride), ceil(W / stride)).
        """
        if x.device.type != 'cpu' or in_export_mode():
            return super().forward(x)
        if prefers_phases(self, x):
            return by_phases(lambda phases: self._convolve(phases, 1), x, self.dilation[0])
        return self._convolve(x, self.dilation[0])

    def _convolve(self, x: Tensor, dilation: int) -> Tensor:
        weight = in_wider_groups(self.weight)
        return F.conv2d(x, weight, None, self.stride, same_padding(self.kernel_size[0], dilation), dilation,
                        len(weight) // weight.shape[1])
