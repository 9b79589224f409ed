"""Gradient checkpointing that updates the running statistics of batch normalisation once, not twice."""
import contextlib

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from mmmux.utils.compat import BatchNorm


def recompute_in_backward(block: nn.Module, x: Tensor) -> Tensor:
    """Run a block without storing its activations and recompute them in the backward pass (Chen et al., 2016).

    A plain checkpoint runs each batch normalisation twice and updates its running mean and variance twice, so the trained
    network differs from one trained without checkpointing. Here, the second run does not update the running statistics.

    Args:
        block (nn.Module): The block.
        x (Tensor): Input of the block.

    Returns:
        Tensor: Output of the block.
    """
    return checkpoint(
        block, x, use_reentrant=False, context_fn=lambda: (contextlib.nullcontext(), _frozen_statistics(block)))


@contextlib.contextmanager
def _frozen_statistics(block: nn.Module):
    norms = [module for module in block.modules() if isinstance(module, BatchNorm)]
    saved = [(norm, norm.momentum, norm.num_batches_tracked.clone()) for norm in norms if norm.track_running_stats]
    for norm, _, _ in saved:
        norm.momentum = 0.
    try:
        yield
    finally:
        with torch.no_grad():
            for norm, momentum, batches in saved:
                norm.momentum = momentum
                norm.num_batches_tracked.copy_(batches)
