"""Gradient checkpointing that leaves the running statistics alone the second time."""
import contextlib

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint


def recompute_in_backward(block: nn.Module, x: Tensor) -> Tensor:
    """Run a block without keeping its activations; they are computed again in the backward pass.

    A plain checkpoint runs each batch normalisation twice and so updates its running mean and variance twice, which makes
    the trained network differ from one trained without checkpointing. Here the second run updates nothing.
    """
    return checkpoint(
        block, x, use_reentrant=False, context_fn=lambda: (contextlib.nullcontext(), _frozen_statistics(block)))


@contextlib.contextmanager
def _frozen_statistics(block: nn.Module):
    norms = [module for module in block.modules() if isinstance(module, _BatchNorm)]
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
