"""Squeeze-and-excitation (Hu et al., CVPR 2018)."""
import torch
from torch import Tensor, nn


class SqueezeExcite(nn.Module):
    """Scale each channel by a gate computed from the means of all channels.

    Args:
        channels: number of channels C, in and out.
        reduced_channels: channels between the two 1x1 convolutions (with biases).
        activation: the activation after the first; the gate itself is a sigmoid.
    """

    def __init__(self, channels: int, reduced_channels: int, activation: nn.Module):
        super().__init__()
        self.reduce = nn.Conv2d(channels, reduced_channels, 1)
        self.act = activation
        self.expand = nn.Conv2d(reduced_channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, H, W)."""
        return x * self.expand(self.act(self.reduce(_mean(x)))).sigmoid()


def _mean(x: Tensor) -> Tensor:
    if not x.requires_grad:
        return x.mean((2, 3), keepdim=True)
    # The derivative of torch's own mean is written out for every pixel and then divided; a sum's stays one number a channel.
    # Half precision would overflow in the sum.
    kind = x.dtype if x.dtype == torch.float64 else torch.float32  # torch 2.1 compiles no promote_types
    return (x.sum((2, 3), keepdim=True, dtype=kind) / (x.shape[2] * x.shape[3])).to(x.dtype)
