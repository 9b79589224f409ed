"""Convolutions that keep the resolution where a network would have strided (the à-trous rule)."""
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .channel_split import same_padding
from .export_mode import in_export_mode

# oneDNN's forward pass of a depthwise convolution is slow where the dilated kernel reaches further than this many pixels.
_FAR_REACH = 8


@dataclass(frozen=True)
class Sampling:
    """Where the k x k convolution of a block is computed.

    Attributes:
        stride: of the block in its architecture.
        dilation: of the kernel.
        dense: the stride is not applied, and every position is computed.
    """
    stride: int = 1
    dilation: int = 1
    dense: bool = False

    @property
    def applied_stride(self) -> int:
        """By how much H and W shrink."""
        return 1 if self.dense else self.stride


def by_phases(function: Callable[[Tensor], Tensor], x: Tensor, dilation: int) -> Tensor:
    """Apply a convolution to every `dilation`-th pixel, for each of the `dilation` x `dilation` positions to start from.

    For a plain convolution with zero padding this equals dilation; it also dilates operators that have no dilation of their
    own, such as spatial multiplexing.

    Args:
        function: maps (n, C, h, w) to (n, C', h, w), picture by picture.
        x: (N, C, H, W).
        dilation: distance between the pixels that are neighbours inside `function`.

    Returns:
        Tensor: (N, C', H, W).
    """
    if dilation == 1:
        return function(x)
    n, c, height, width = x.shape
    x = F.pad(x, (0, -width % dilation, 0, -height % dilation))
    h, w = x.shape[2] // dilation, x.shape[3] // dilation
    phases = x.view(n, c, h, dilation, w, dilation).permute(0, 3, 5, 1, 2, 4).reshape(n * dilation**2, c, h, w)
    out = function(phases)
    out = out.view(n, dilation, dilation, out.shape[1], h, w).permute(0, 3, 4, 1, 5, 2)
    return out.reshape(n, out.shape[1], h * dilation, w * dilation)[..., :height, :width]


def shift_and_stitch(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Compute an operator of stride 2 at every pixel: on the picture and on its shifts by one pixel, the outputs interleaved.

    Every other output, from the first, is what `function` gives (Long et al., Fully Convolutional Networks, CVPR 2015).

    Args:
        function: maps (N, C, h, w) to (N, C', ceil(h / 2), ceil(w / 2)).
        x: (N, C, H, W).

    Returns:
        Tensor: (N, C', H, W).
    """
    shifts = [(i, j) for i in range(min(2, x.shape[2])) for j in range(min(2, x.shape[3]))]
    outs = {(i, j): function(x[..., i:, j:]) for i, j in shifts}
    first = outs[0, 0]  # of another type than x under autocast
    stitched = first.new_empty(*first.shape[:2], *x.shape[2:])
    for (i, j), out in outs.items():
        stitched[..., i::2, j::2] = out
    return stitched


def prefers_phases(conv: nn.Conv2d, x: Tensor) -> bool:
    """Whether a depthwise convolution of `x` is dilated faster by :func:`by_phases`."""
    dilation, (kernel_size, _) = conv.dilation[0], conv.kernel_size
    if dilation == 1 or conv.stride[0] != 1 or x.device.type != 'cpu' or in_export_mode():
        return False
    return torch.is_grad_enabled() or (kernel_size - 1) * dilation > _FAR_REACH


class DepthwiseConv(nn.Conv2d):
    """Depthwise convolution without bias whose dilated form is fast on a CPU, too.

    There, dilation by phases (see :func:`by_phases`) trains up to four times as fast as torch's own; the result is the same.

    Args:
        channels: number of channels C, in and out.
        kernel_size: odd size of the kernel.
        stride, dilation: of the convolution.
    """

    def __init__(self, channels: int, kernel_size: int, stride: int = 1, dilation: int = 1):
        super().__init__(channels, channels, kernel_size, stride, same_padding(kernel_size, dilation), dilation, channels,
                         bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, ceil(H / stride), ceil(W / stride))."""
        if not prefers_phases(self, x):
            return super().forward(x)
        return by_phases(self._undilated, x, self.dilation[0])

    def _undilated(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight, padding=same_padding(self.kernel_size[0]), groups=self.groups)


def depthwise_convs(channels: Sequence[int], kernel_sizes: Sequence[int], stride: int = 1, dilation: int = 1) -> nn.ModuleList:
    """One depthwise convolution for each number of channels and kernel size."""
    return nn.ModuleList(DepthwiseConv(share, size, stride, dilation) for share, size in zip(channels, kernel_sizes))
