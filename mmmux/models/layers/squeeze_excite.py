"""Squeeze-and-excitation layer (Hu et al., CVPR 2018)."""
import torch
from torch import Tensor, nn


class SqueezeExcite(nn.Module):
    """Scale each channel by a gate computed from the means of all channels (Hu et al., CVPR 2018).

    Args:
        channels (int): Number of input and output channels C.
        reduced_channels (int): Number of channels between the two 1x1 convolutions, which have biases.
        activation (nn.Module): Activation after the first convolution. A sigmoid follows the second convolution.
    """

    def __init__(self, channels: int, reduced_channels: int, activation: nn.Module):
        super().__init__()
        self.reduce = nn.Conv2d(channels, reduced_channels, 1)
        self.act = activation
        self.expand = nn.Conv2d(reduced_channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the gate.

        Args:
            x (Tensor): Shape (N, C, H, W).

        Returns:
            Tensor: Shape (N, C, H, W).
        """
        return x * self.expand(self.act(self.reduce(_mean(x)))).sigmoid()


def _mean(x: Tensor) -> Tensor:
    if not x.requires_grad:
        return x.mean((2, 3), keepdim=True)
    # The backward pass of torch.mean expands the gradient to every pixel before it divides; that of torch.sum keeps one number
    # per channel, which is faster. Half precision would overflow in the sum, hence float32.
    kind = x.dtype if x.dtype == torch.float64 else torch.float32  # torch 2.1 compiles no promote_types
    return (x.sum((2, 3), keepdim=True, dtype=kind) / (x.shape[2] * x.shape[3])).to(x.dtype)
