"""The grouped convolution of channel multiplexing, two channels a group, through one of eight."""
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .channel_split import same_padding
from .dense_sampling import by_phases, prefers_phases
from .export_mode import in_export_mode

GROUP = 8  # channels


def in_wider_groups(weight: Tensor) -> Tensor:
    """The weight of the same convolution with more pairs of channels in a group, and zeros from one pair to another.

    Args:
        weight: (C, 2, k, k), of C / 2 groups.

    Returns:
        Tensor: (C, width, k, k), where `width` is eight, or four or two where these and not eight divide C.
    """
    width = math.gcd(len(weight), GROUP)
    pairs = weight.unflatten(0, (-1, width // 2, 2))  # groups, pairs, out, in, k, k
    return torch.diag_embed(pairs.movedim(1, -1), dim1=1, dim2=3).flatten(0, 2).flatten(1, 2)


class PairConv(nn.Conv2d):
    """Convolution without bias in groups of two channels, with the weight of `torch.nn.Conv2d(..., groups=channels // 2)`.

    Libraries for CPUs have no fast way for such groups: they are neither depthwise nor dense. Groups of eight channels, one
    vector of AVX2, with zeros from one pair to another, are four times the work and take less time forward and backward, and
    the result is the same. On a GPU cuDNN's grouped convolution is faster.

    Args:
        channels: number of channels C, in and out; even.
        kernel_size: odd size of the kernel.
        stride, dilation: of the convolution.
    """

    def __init__(self, channels: int, kernel_size: int, stride: int = 1, dilation: int = 1):
        super().__init__(channels, channels, kernel_size, stride, same_padding(kernel_size, dilation), dilation,
                         channels // 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, ceil(H / stride), ceil(W / stride))."""
        if x.device.type != 'cpu' or in_export_mode():
            return super().forward(x)
        if prefers_phases(self, x):
            return by_phases(lambda phases: self._convolve(phases, 1), x, self.dilation[0])
        return self._convolve(x, self.dilation[0])

    def _convolve(self, x: Tensor, dilation: int) -> Tensor:
        weight = in_wider_groups(self.weight)
        return F.conv2d(x, weight, None, self.stride, same_padding(self.kernel_size[0], dilation), dilation,
                        len(weight) // weight.shape[1])
