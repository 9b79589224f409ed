"""Means over a grid of bins as two matrix products, which every runtime has for every size."""
import torch
from torch import Tensor, nn

from mmmux.deploy.old_torch import replace_submodule


def _bin_means(size: Tensor | int, bins: int, like: Tensor) -> Tensor:
    """(bins, size): row i averages bin i, the pixels from floor(i * size / bins) to below ceil((i + 1) * size / bins)."""
    pixel = torch.arange(size, device=like.device).unsqueeze(0)
    index = torch.arange(bins, device=like.device).unsqueeze(1)
    first, end = index * size // bins, ((index + 1) * size + bins - 1) // bins
    inside = ((pixel >= first) & (pixel < end)).to(like.dtype)
    return inside / inside.sum(1, keepdim=True)


class BinMeans(nn.Module):
    """What `torch.nn.AdaptiveAvgPool2d` computes (pyramid pooling needs it), for sizes that the bins do not divide, too.

    Args:
        output_size: bins along the height and the width.
    """

    def __init__(self, output_size: tuple[int, int]):
        super().__init__()
        self.output_size = output_size

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, *output_size)."""
        rows, columns = (_bin_means(size, bins, x) for size, bins in zip(x.shape[2:], self.output_size))
        return rows @ x @ columns.transpose(0, 1)


def replace_adaptive_pools(model: nn.Module) -> None:
    """Put :class:`BinMeans` in the place of each `AdaptiveAvgPool2d` with more than one bin, in place."""
    for name, module in list(model.named_modules()):
        if isinstance(module, nn.AdaptiveAvgPool2d):
            size = module.output_size
            size = (size, size) if isinstance(size, int) else tuple(size)
            if None not in size and size != (1, 1):
                replace_submodule(model, name, BinMeans(size))
