"""Batch normalisation with the statistics of all processes, also where there is no GPU."""
import torch
from torch import Tensor, distributed
from torch.autograd import Function
from torch.nn.modules.batchnorm import _BatchNorm

from mmmux.registry import MODELS


@MODELS.register_module('SyncBN')
class SyncBatchNorm(_BatchNorm):
    """What torch's SyncBatchNorm, which DistributedDataParallel takes on GPUs only, does; on CPUs, too.

    The statistics (Ioffe and Szegedy, Batch Normalization, ICML 2015) are those of the batches of all processes together,
    whatever their sizes. Arguments, parameters, buffers and their names are those of torch's BatchNorm2d.
    """

    def _check_input_dim(self, x: Tensor) -> None:
        if x.dim() < 2:
            raise ValueError(f'SyncBatchNorm normalises (N, C, ...), got {tuple(x.shape)}')

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, ...) -> the same shape."""
        if not self.training or not distributed.is_available() or not distributed.is_initialized():
            return super().forward(x)
        self._check_input_dim(x)
        # Two sums, one after the other: the variance as a difference of two large sums would lose what float32 has.
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
    """The sum over all processes, whose gradient is the sum over all processes."""

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
