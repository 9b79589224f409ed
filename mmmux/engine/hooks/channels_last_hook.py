"""A hook that stores convolutions the way that CPUs and tensor cores read them fastest."""
import torch
from mmengine.hooks import Hook

from mmmux.registry import HOOKS


@HOOKS.register_module()
class ChannelsLastHook(Hook):
    """Train and test with weights and features in memory order N, H, W, C: the same results up to rounding.

    On a CPU small pictures train up to twice as fast (depthwise convolutions gain most). Checkpoints do not change.
    """

    def before_run(self, runner) -> None:
        """Convert the model; features follow its weights."""
        runner.model.to(memory_format=torch.channels_last)
