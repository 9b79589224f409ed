"""Batch normalisation synchronised over all processes, on CPUs as well as GPUs."""
import torch
from torch import Tensor, distributed
from torch.autograd import Function

from mmmux.registry import MODELS
from mmmux.utils.compat import AcceptsAnyRank, BatchNorm


@MODELS.register_module('SyncBN')
class SyncBatchNorm(AcceptsAnyRank, BatchNorm):
    """Normalise with the statistics of the batches of all processes (Ioffe and Szegedy, Batch Normalization, ICML 2015).

    torch's SyncBatchNorm works on GPUs only. This class also works on CPUs, and with batches of different sizes. Its
    parameters, buffers and their names are those of torch's BatchNorm2d. Outside distributed training it behaves like
    BatchNorm2d.

    Args: As in torch's BatchNorm2d.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Normalise each channel.

        Args:
            x (Tensor): Shape (N, C, ...).

        Returns:
            Tensor: Same shape as `x`.

        Raises:
            ValueError: `x` has fewer than 2 dimensions.
        """
        if x.dim() < 2:
            raise ValueError(f'SyncBatchNorm needs an input of shape (N, C, ...), got {tuple(x.shape)}')
        if not self.training or not distributed.is_available() or not distributed.is_initialized():
            return super().forward(x)
        # Compute the mean first and then the variance around it: the difference of two large sums would lose float32 precision.
        dims = [0, *range(2, x.dim())]
        count = x.new_full((1, ), x.numel() // x.shape[1])
        total, count = _Sum.apply(torch.cat([x.sum(dims), count])).split([x.shape[1], 1])
        mean = total / count
        centred = x - _per_channel(mean, x)
        variance = _Sum.apply(centred.square().sum(dims)) / count
        self._update_statistics(mean.detach(), variance.detach() * count / (count - 1))
        out = centred * _per_channel((variance + self.eps).rsqrt(), x)
        return out if self.weight is None else out * _per_channel(self.weight, x) + _per_channel(self.bias, x)

    @torch.no_grad()
    def _update_statistics(self, mean: Tensor, variance: Tensor) -> None:
        if self.track_running_stats:
            self.num_batches_tracked += 1
            share = 1 / self.num_batches_tracked.to(mean.dtype) if self.momentum is None else self.momentum
            self.running_mean.lerp_(mean, share)
            self.running_var.lerp_(variance, share)


class _Sum(Function):
    """Sum a tensor over all processes; the backward pass sums the gradient over all processes."""

    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        total = x.clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx, grad: Tensor) -> Tensor:
        return _Sum.forward(ctx, grad)


def _per_channel(values: Tensor, x: Tensor) -> Tensor:
    return values.view(-1, *[1] * (x.dim() - 2))
