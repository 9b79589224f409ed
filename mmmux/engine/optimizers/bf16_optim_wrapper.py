"""Mixed precision in bfloat16, on GPUs and CPUs."""
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from mmengine.optim import OptimWrapper
from torch import nn

from mmmux.registry import OPTIM_WRAPPERS


@OPTIM_WRAPPERS.register_module()
class Bf16OptimWrapper(OptimWrapper):
    """Compute losses under torch's autocast to bfloat16; weights, gradients and the optimiser's state stay float32.

    mmengine's AmpOptimWrapper refuses a CPU. bfloat16 has the range of float32, so no loss scale is needed.

    Args: As in mmengine's OptimWrapper.
    """

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Autocast on the device of the model's weights, within mmengine's context for accumulated gradients."""
        device = next(model.parameters()).device.type
        with super().optim_context(model), torch.autocast(device, dtype=torch.bfloat16):
            yield
