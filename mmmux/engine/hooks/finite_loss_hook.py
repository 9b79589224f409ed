"""A hook that ends a training whose loss is no number any more."""
import torch
from mmengine.hooks import Hook

from mmmux.registry import HOOKS
from mmmux.utils.errors import TrainingError


@HOOKS.register_module()
class FiniteLossHook(Hook):
    """Look at the loss from time to time: after a NaN every weight is one, and days of training would be lost silently.

    mmdet has such a hook, mmseg none.

    Args:
        interval: iterations between two looks; each one waits for a GPU to finish.

    Raises:
        TrainingError: the loss is NaN or infinite.
    """

    priority = 'LOW'  # before the checkpoint hook, which would save a model of NaNs at the same iteration

    def __init__(self, interval: int = 50):
        self.interval = interval

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        """Look."""
        if self.every_n_train_iters(runner, self.interval) and not torch.isfinite(outputs['loss']):
            raise TrainingError(f'the loss is {float(outputs["loss"])} at iteration {runner.iter + 1}: go on from a checkpoint '
                                f'in {runner.work_dir} with a lower learning rate (optim_wrapper.optimizer.lr) or a longer '
                                'warm-up, and look for labels that make no sense')
