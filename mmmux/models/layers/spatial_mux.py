"""Spatial multiplexing: convolve some groups of channels on a finer or a coarser grid."""
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .channel_split import near_equal_groups
from .dense_sampling import by_phases, depthwise_convs, shift_and_stitch
from .export_mode import is_exporting

SCALES = (-1, 0, 1)


def space_to_channel(x: Tensor) -> Tensor:
    """Rearrange each 2 x 2 patch of pixels into four channels.

    Args:
        x (Tensor): Shape (N, C, H, W), H and W even.

    Returns:
        Tensor: Shape (N, 4C, H/2, W/2). Channel `(i * 2 + j) * C + c` holds the pixel at offset (i, j) of input channel c.
    """
    n, c, h, w = x.shape
    x = x.view(n, c, h // 2, 2, w // 2, 2)
    return x.permute(0, 3, 5, 1, 2, 4).reshape(n, 4 * c, h // 2, w // 2)


def channel_to_space(x: Tensor) -> Tensor:
    """Rearrange four channels into 2 x 2 patches of pixels, the inverse of :func:`space_to_channel`.

    Args:
        x (Tensor): Shape (N, C, H, W), C divisible by 4.

    Returns:
        Tensor: Shape (N, C/4, 2H, 2W).
    """
    n, c, h, w = x.shape
    x = x.view(n, 2, 2, c // 4, h, w)
    return x.permute(0, 3, 4, 1, 5, 2).reshape(n, c // 4, 2 * h, 2 * w)


def _pad_to_even(x: Tensor) -> Tensor:
    h, w = x.shape[-2:]
    # An exported graph must serve every input size, so the sizes of the traced input must not choose a branch.
    return F.pad(x, (0, w % 2, 0, h % 2)) if is_exporting() or h % 2 or w % 2 else x


class SpatialMux(nn.Module):
    """Depthwise convolution with spatial multiplexing (the MUXConv paper, section 3).

    The channels are split into `len(scales)` groups of nearly equal size. Scale 0 convolves its group unchanged. Scale -1
    convolves its group after space-to-channel by 2 (a coarser grid with four times as many channels). Scale +1 convolves its
    group after channel-to-space by 2 (a finer grid with a quarter of the channels). Each group is rearranged back, so the
    output has the shape of a plain depthwise convolution's output. If H or W is odd, the group is zero-padded at the bottom
    and right, and the padding is cropped from the output.

    Args:
        channels (int): Number of input and output channels C.
        kernel_size (int | Sequence[int]): Odd kernel size in pixels for all groups, or one size per group.
        scales (Sequence[int]): -1, 0 or +1 for each group. A group with scale +1 needs a number of channels divisible by 4.
        stride (int): Stride of every convolution, in pixels of the grid of its group. Defaults to 1.
        dilation (int): Dilation in pixels. Convolutions and rearrangements use every `dilation`-th pixel. Defaults to 1.
        dense (bool): Compute every position in spite of a stride of 2, which keeps H and W. Defaults to False.

    Raises:
        ValueError: A scale, a group size or the number of kernel sizes does not fit.
    """

    def __init__(self, channels: int, kernel_size: int | Sequence[int], scales: Sequence[int], stride: int = 1,
                 dilation: int = 1, dense: bool = False):
        super().__init__()
        kernel_sizes = [kernel_size] * len(scales) if isinstance(kernel_size, int) else list(kernel_size)
        if len(kernel_sizes) != len(scales):
            raise ValueError(f'kernel_size {kernel_size} must be a single number, or have as many entries as scales {scales}')
        if not set(scales) <= set(SCALES):
            raise ValueError(f'scales must hold only -1, 0 and +1, got {scales}')
        self.scales = tuple(scales)
        self.stride = stride
        self.dilation = dilation
        self.dense = dense and stride > 1
        self.split_sizes = near_equal_groups(channels, len(scales))
        rearranged = []
        for share, scale in zip(self.split_sizes, scales):
            if scale == 1 and share % 4:
                raise ValueError(f'scale +1 needs a group of channels divisible by 4, but scales {scales} split {channels} '
                                 f'channels so that its group has {share}')
            rearranged.append({-1: 4 * share, 0: share, 1: share // 4}[scale])
        self.convs = depthwise_convs(rearranged, kernel_sizes, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve each group on its grid.

        Args:
            x (Tensor): Shape (N, C, H, W).

        Returns:
            Tensor: Shape (N, C, ceil(H / stride), ceil(W / stride)), or (N, C, H, W) if `dense`.
        """
        return by_phases(self._densely if self.dense else self._multiplex, x, self.dilation)

    def _densely(self, x: Tensor) -> Tensor:
        return shift_and_stitch(self._multiplex, x)

    def _multiplex(self, x: Tensor) -> Tensor:
        h, w = (-(-size // self.stride) for size in x.shape[-2:])
        outs = []
        for part, conv, scale in zip(x.split(self.split_sizes, dim=1), self.convs, self.scales):
            if scale == -1:
                part = channel_to_space(conv(space_to_channel(_pad_to_even(part))))
            elif scale == 1:
                part = space_to_channel(_pad_to_even(conv(channel_to_space(part))))
            else:
                part = conv(part)
            outs.append(part[..., :h, :w])
        return torch.cat(outs, dim=1)
