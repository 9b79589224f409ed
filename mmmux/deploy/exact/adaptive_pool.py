"""Compute adaptive average pooling as two matrix products, which every runtime supports for every input size."""
import torch
from torch import Tensor, nn

from mmmux.deploy.old_torch import replace_submodule


def _bin_means(size: Tensor | int, bins: int, like: Tensor) -> Tensor:
    """Return a matrix (bins, size) whose product with a vector (size, ) averages each bin.

    Row i has equal weights for the pixels from floor(i * size / bins) to below ceil((i + 1) * size / bins), and zeros
    elsewhere.
    """
    pixel = torch.arange(size, device=like.device).unsqueeze(0)
    index = torch.arange(bins, device=like.device).unsqueeze(1)
    first, end = index * size // bins, ((index + 1) * size + bins - 1) // bins
    inside = ((pixel >= first) & (pixel < end)).to(like.dtype)
    return inside / inside.sum(1, keepdim=True)


class BinMeans(nn.Module):
    """Average over a grid of bins, as `torch.nn.AdaptiveAvgPool2d` does, also for sizes that the bins do not divide.

    Pyramid pooling (Zhao et al., PSPNet, CVPR 2017) needs such sizes.

    Args:
        output_size (tuple[int, int]): Number of bins along the height and along the width.
    """

    def __init__(self, output_size: tuple[int, int]):
        super().__init__()
        self.output_size = output_size

    def forward(self, x: Tensor) -> Tensor:
        """Average each bin.

        Args:
            x (Tensor): (N, C, H, W).

        Returns:
            Tensor: (N, C, *output_size).
        """
        rows, columns = (_bin_means(size, bins, x) for size, bins in zip(x.shape[2:], self.output_size))
        return rows @ x @ columns.transpose(0, 1)


def replace_adaptive_pools(model: nn.Module) -> None:
    """Replace each `AdaptiveAvgPool2d` with several bins by :class:`BinMeans`.

    Args:
        model (nn.Module): Any model; changed in place.
    """
    for name, module in list(model.named_modules()):
        if isinstance(module, nn.AdaptiveAvgPool2d):
            size = module.output_size
            size = (size, size) if isinstance(size, int) else tuple(size)
            if None not in size and size != (1, 1):
                replace_submodule(model, name, BinMeans(size))
