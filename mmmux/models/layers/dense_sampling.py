"""Compute convolutions densely or with dilation instead of with a stride (the à-trous rule; Chen et al., DeepLab, 2018).

The layers of MUXNet use it when the argument `output_stride` keeps the resolution of the features.
"""
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .channel_split import same_padding
from .export_mode import in_export_mode

# oneDNN's forward pass of a depthwise convolution is slow if the dilated kernel spans more than this distance, in pixels.
_FAR_REACH = 8


@dataclass(frozen=True)
class Sampling:
    """Stride and dilation of the k x k convolution of a block.

    Attributes:
        stride (int): Stride of the block in its architecture. Defaults to 1.
        dilation (int): Dilation of the kernel in pixels. Defaults to 1.
        dense (bool): Compute every position instead of applying the stride. Defaults to False.
    """
    stride: int = 1
    dilation: int = 1
    dense: bool = False

    @property
    def applied_stride(self) -> int:
        """The factor by which H and W shrink: `stride`, or 1 if `dense`."""
        return 1 if self.dense else self.stride

    @property
    def next_dilation(self) -> int:
        """The dilation of the block after this one: `dilation`, or `dilation * stride` if `dense`."""
        return self.dilation * self.stride if self.dense else self.dilation


def atrous_samplings(strides: Iterable[int], output_stride: int | None, reached: int = 1) -> Iterator[Sampling]:
    """Apply the à-trous rule to successive blocks: no stride beyond a maximum, and dilation instead.

    Args:
        strides (Iterable[int]): Stride of each block in its architecture.
        output_stride (int | None): Maximum stride of the output of a block, in pixels of the image. None applies every stride.
        reached (int): Stride of the input of the first block, in pixels of the image. Defaults to 1.

    Yields:
        Sampling: Stride and dilation of each block.
    """
    dilation = 1
    for stride in strides:
        sampling = Sampling(stride, dilation, dense=stride > 1 and reached == output_stride)
        yield sampling
        reached, dilation = reached * sampling.applied_stride, sampling.next_dilation


def by_phases(function: Callable[[Tensor], Tensor], x: Tensor, dilation: int) -> Tensor:
    """Apply a convolution to each of the `dilation` x `dilation` subgrids of every `dilation`-th pixel.

    For a convolution with zero padding, the result equals that of a dilated kernel. The function also dilates operators that
    have no dilated kernel, such as spatial multiplexing.

    Args:
        function (Callable): Maps (n, C, h, w) to (n, C', h, w), each of the n images independently.
        x (Tensor): Shape (N, C, H, W).
        dilation (int): Distance in pixels between neighbours of a subgrid.

    Returns:
        Tensor: Shape (N, C', H, W).
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
    """Compute an operator of stride 2 at every pixel (shift-and-stitch; Long et al., Fully Convolutional Networks, CVPR 2015).

    The operator runs on the input and on its shifts by one pixel, and the outputs are interleaved. `out[..., ::2, ::2]` equals
    `function(x)`.

    Args:
        function (Callable): Maps (N, C, h, w) to (N, C', ceil(h / 2), ceil(w / 2)).
        x (Tensor): Shape (N, C, H, W).

    Returns:
        Tensor: Shape (N, C', H, W).
    """
    shifts = [(i, j) for i in range(min(2, x.shape[2])) for j in range(min(2, x.shape[3]))]
    outs = {(i, j): function(x[..., i:, j:]) for i, j in shifts}
    first = outs[0, 0]  # its dtype differs from that of x under autocast
    stitched = first.new_empty(*first.shape[:2], *x.shape[2:])
    for (i, j), out in outs.items():
        stitched[..., i::2, j::2] = out
    return stitched


def prefers_phases(conv: nn.Conv2d, x: Tensor) -> bool:
    """Decide whether :func:`by_phases` is faster than the dilated kernel of torch.

    Args:
        conv (nn.Conv2d): Depthwise or grouped convolution.
        x (Tensor): Input of the convolution, shape (N, C, H, W).

    Returns:
        bool: True if :func:`by_phases` is faster.
    """
    dilation, (kernel_size, _) = conv.dilation[0], conv.kernel_size
    if dilation == 1 or conv.stride[0] != 1 or x.device.type != 'cpu' or in_export_mode():
        return False
    return torch.is_grad_enabled() or (kernel_size - 1) * dilation > _FAR_REACH


class DepthwiseConv(nn.Conv2d):
    """Depthwise convolution without bias that computes dilation faster than torch on a CPU.

    On a CPU, a dilated convolution computed with :func:`by_phases` trains up to four times as fast as torch's dilated kernel
    and gives the same result.

    Args:
        channels (int): Number of input and output channels C.
        kernel_size (int): Odd kernel size in pixels.
        stride (int): Stride in pixels. Defaults to 1.
        dilation (int): Dilation in pixels. Defaults to 1.
    """

    def __init__(self, channels: int, kernel_size: int, stride: int = 1, dilation: int = 1):
        super().__init__(channels, channels, kernel_size, stride, same_padding(kernel_size, dilation), dilation, channels,
                         bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the convolution.

        Args:
            x (Tensor): Shape (N, C, H, W).

        Returns:
            Tensor: Shape (N, C, ceil(H / stride), ceil(W / stride)).
        """
        if not prefers_phases(self, x):
            return super().forward(x)
        return by_phases(self._undilated, x, self.dilation[0])

    def _undilated(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight, padding=same_padding(self.kernel_size[0]), groups=self.groups)


def depthwise_convs(channels: Sequence[int], kernel_sizes: Sequence[int], stride: int = 1, dilation: int = 1) -> nn.ModuleList:
    """Build one depthwise convolution per pair of a number of channels and a kernel size.

    Args:
        channels (Sequence[int]): Number of channels of each convolution.
        kernel_sizes (Sequence[int]): Odd kernel size of each convolution, in pixels.
        stride (int): Stride of every convolution. Defaults to 1.
        dilation (int): Dilation of every convolution. Defaults to 1.

    Returns:
        nn.ModuleList: The convolutions, each a :class:`DepthwiseConv`.
    """
    return nn.ModuleList(DepthwiseConv(share, size, stride, dilation) for share, size in zip(channels, kernel_sizes))
