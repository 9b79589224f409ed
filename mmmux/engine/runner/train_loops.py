"""mmengine's training loops, made to go on after an interruption exactly as if there had been none.

mmengine saves weights, optimiser, schedules and logs. What it leaves out is done here: the random numbers of an iteration and
of each picture depend on the seed and the iteration alone; an epoch is taken up where it was left; and a validation that was
due when the training was killed is made up for. How many processes load the data, on either side of the interruption, makes no
difference.

Bit by bit the same needs a seed and a CPU: some kernels of GPUs add in any order. It cannot be had of transforms with a
memory (mmdet's CachedMosaic), of libraries with random numbers of their own (albumentations from 2.0 on), of hooks that do not
save what they count (EarlyStoppingHook), and in several processes of gradients accumulated over iterations and of validations
with BN that is not SyncBN, as a checkpoint holds what the first process has.
"""
import logging

from mmengine.logging import print_log
from mmengine.runner import EpochBasedTrainLoop as MMEpochBasedTrainLoop
from mmengine.runner import IterBasedTrainLoop as MMIterBasedTrainLoop
from mmengine.runner.base_loop import BaseLoop

from mmmux.registry import LOOPS

from .resumable_loader import EndlessBatches, NumberedBatches, NumberedLoader, seed_all

_VALIDATED = 'iter_of_last_validation'
_EPOCH_LENGTH = 'epoch_length'
_VALIDATION = 1  # makes its random numbers others than those of the iteration


@LOOPS.register_module()
class EpochBasedTrainLoop(MMEpochBasedTrainLoop):
    """mmengine's loop and arguments. With a seed, a resumed training is the one that was not interrupted, bit by bit on a CPU.

    It can also be resumed within an epoch: from what :class:`mmmux.engine.CheckpointHook` saves when it is asked to stop, and
    from checkpoints by iterations (`by_epoch=False`).
    """

    def __init__(self, runner, dataloader, *args, **kwargs):
        BaseLoop.__init__(self, runner, dataloader)  # builds it
        super().__init__(runner, NumberedLoader(self.dataloader, NumberedBatches), *args, **kwargs)
        self._trained = 0  # batches of the epoch that were trained before the interruption

    def run(self):
        """Train all epochs, beginning where the checkpoint ends; returns the model."""
        length = self.runner.message_hub.get_info(_EPOCH_LENGTH, len(self.dataloader))
        self.runner.message_hub.update_info(_EPOCH_LENGTH, len(self.dataloader))
        self.runner.call_hook('before_train')
        if length == len(self.dataloader):
            self._trained = max(0, self._iter - self._epoch * length)
        else:
            print_log(f'An epoch had {length} batches when the checkpoint was saved and has {len(self.dataloader)} now: going '
                      'on with the beginning of an epoch.', 'current', logging.WARNING)
        if self._epoch and not self._trained:
            self._validate_if_due()
        while self._epoch < self._max_epochs and not self.stop_training:
            self.run_epoch()
            self._validate_if_due()
        self.runner.call_hook('after_train')
        return self.runner.model

    def run_epoch(self) -> None:
        """Train an epoch, or the rest of one."""
        self.runner.call_hook('before_train_epoch')
        self.runner.model.train()
        self.dataloader.batch_sampler.begin_at(self.runner.seed, self._iter, self._trained)
        for idx, data_batch in enumerate(self.dataloader, self._trained):
            self.run_iter(idx, data_batch)
        self._trained = 0
        self.runner.call_hook('after_train_epoch')
        self._epoch += 1

    def run_iter(self, idx, data_batch) -> None:
        """Train one batch."""
        seed_all(self.runner.seed, self._iter)
        super().run_iter(idx, data_batch)

    def _validate_if_due(self) -> None:
        self._decide_current_val_interval()
        on_time = self._epoch % self.val_interval == 0 or self._epoch == self._max_epochs
        if on_time and self._epoch >= self.val_begin:
            _validate_once(self)


@LOOPS.register_module()
class IterBasedTrainLoop(MMIterBasedTrainLoop):
    """mmengine's loop and arguments. With a seed, a resumed training is the one that was not interrupted, bit by bit on a CPU.

    The batches before the interruption are skipped without loading them.
    """

    def __init__(self, runner, dataloader, *args, **kwargs):
        BaseLoop.__init__(self, runner, dataloader)  # builds it
        super().__init__(runner, NumberedLoader(self.dataloader, EndlessBatches), *args, **kwargs)

    def run(self):
        """Train all iterations, beginning where the checkpoint ends; returns the model."""
        self.runner.call_hook('before_train')
        # As in mmengine, the whole training is one epoch to the hooks.
        self.runner.call_hook('before_train_epoch')
        if self._iter:
            self._validate_if_due()
        self.dataloader.batch_sampler.begin_at(self.runner.seed, self._iter, self._iter)
        self.dataloader_iterator = iter(self.dataloader)
        while self._iter < self._max_iters and not self.stop_training:
            self.runner.model.train()
            self.run_iter(next(self.dataloader_iterator))
            self._validate_if_due()
        self.runner.call_hook('after_train_epoch')
        self.runner.call_hook('after_train')
        return self.runner.model

    def run_iter(self, data_batch) -> None:
        """Train one batch."""
        seed_all(self.runner.seed, self._iter)
        super().run_iter(data_batch)

    def _validate_if_due(self) -> None:
        self._decide_current_val_interval()
        on_time = self._iter % self.val_interval == 0 or self._iter == self._max_iters
        if on_time and self._iter >= self.val_begin:
            _validate_once(self)


def _validate_once(loop) -> None:
    # Checkpoints are saved before a validation, and again after it where it was the best one so far. In the second kind the
    # iteration below is found; a training resumed from the first kind has the validation still before it.
    hub = loop.runner.message_hub
    if loop.runner.val_loop is not None and hub.get_info(_VALIDATED) != loop.iter:
        hub.update_info(_VALIDATED, loop.iter)
        seed_all(loop.runner.seed, loop.iter, _VALIDATION)
        loop.runner.val_loop.run()
