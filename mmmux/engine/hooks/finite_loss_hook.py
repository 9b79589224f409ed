"""Hook that ends a training whose loss is NaN or infinite; all configs have it."""
import torch
from mmengine.hooks import Hook

from mmmux.registry import HOOKS
from mmmux.utils.errors import TrainingError


@HOOKS.register_module()
class FiniteLossHook(Hook):
    """End the training if the loss is NaN or infinite, since a NaN loss makes every weight NaN.

    mmdet has a hook for this check; mmseg has none.

    Args:
        interval (int): Number of iterations between two checks. Each check synchronises with the GPU. Defaults to 50.

    Raises:
        TrainingError: The loss is NaN or infinite.
    """

    priority = 'LOW'  # runs before the checkpoint hook, which would save a model with NaN weights in the same iteration

    def __init__(self, interval: int = 50):
        self.interval = interval

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        """Check the loss every `interval` iterations."""
        if self.every_n_train_iters(runner, self.interval) and not torch.isfinite(outputs['loss']):
            raise TrainingError(f'the loss is {float(outputs["loss"])} at iteration {runner.iter + 1}: continue from a '
                                f'checkpoint in {runner.work_dir} with a lower learning rate (optim_wrapper.optimizer.lr) or a '
                                'longer warm-up, and check the labels with tools/analysis_tools/check_dataset.py')
