"""Training loops of mmengine that resume an interrupted training exactly.

mmengine saves the weights, the optimiser, the schedules and the logs. These loops add the rest: the random numbers of each
iteration and image depend only on the seed and the iteration; an epoch resumes at the batch after the interruption; and a
validation that was due when the training was killed is run first. The number of data loading processes, which may change at
the interruption, has no influence.

A resumed training is bit by bit equal to an uninterrupted one if it has a seed and runs on a CPU; some GPU kernels add numbers
in varying order. It is not equal with

- transforms that keep images between calls (mmdet's CachedMosaic);
- libraries with random generators of their own (albumentations since 2.0);
- hooks that do not save their counters (EarlyStoppingHook);
- several processes with gradients accumulated over iterations, or with validations of a model with BN instead of SyncBN,
  because a checkpoint holds the state of the first process only.
"""
import logging

from mmengine.logging import print_log
from mmengine.runner import EpochBasedTrainLoop as MMEpochBasedTrainLoop
from mmengine.runner import IterBasedTrainLoop as MMIterBasedTrainLoop
from mmengine.runner.base_loop import BaseLoop

from mmmux.registry import LOOPS
from mmmux.utils.compat import update_val_interval

from .resumable_loader import EndlessBatches, NumberedBatches, NumberedLoader, seed_all

_VALIDATED = 'iter_of_last_validation'
_EPOCH_LENGTH = 'epoch_length'
_VALIDATION = 1  # key of a validation's random numbers, which makes them differ from those of its iteration


@LOOPS.register_module()
class EpochBasedTrainLoop(MMEpochBasedTrainLoop):
    """Epoch-based training loop that resumes exactly: with a seed and on a CPU, bit by bit as without the interruption.

    A training can also resume within an epoch: from the checkpoint that :class:`mmmux.engine.hooks.CheckpointHook` saves after
    a signal, and from checkpoints by iteration (`by_epoch=False`).

    Args: As in mmengine's EpochBasedTrainLoop.
    """

    def __init__(self, runner, dataloader, *args, **kwargs):
        BaseLoop.__init__(self, runner, dataloader)  # builds self.dataloader
        super().__init__(runner, NumberedLoader(self.dataloader, NumberedBatches), *args, **kwargs)
        self._trained = 0  # number of batches of the current epoch that were trained before the interruption

    def run(self):
        """Train from the current iteration to the last epoch.

        Returns:
            nn.Module: The trained model.
        """
        length = self.runner.message_hub.get_info(_EPOCH_LENGTH, len(self.dataloader))
        self.runner.message_hub.update_info(_EPOCH_LENGTH, len(self.dataloader))
        self.runner.call_hook('before_train')
        if length == len(self.dataloader):
            self._trained = max(0, self.iter - self.epoch * length)
        else:
            print_log(f'An epoch had {length} batches when the checkpoint was saved and has {len(self.dataloader)} now: the '
                      'training continues at the beginning of an epoch.', 'current', logging.WARNING)
        if self.epoch and not self._trained:
            self._validate_if_due()
        while self.epoch < self.max_epochs and not self.stop_training:
            self.run_epoch()
            self._validate_if_due()
        self.runner.call_hook('after_train')
        return self.runner.model

    def run_epoch(self) -> None:
        """Train an epoch, or the rest of an epoch that was interrupted."""
        self.dataloader.batch_sampler.begin_at(self.runner.seed, self.iter, self._trained)
        super().run_epoch()
        self._trained = 0

    def run_iter(self, idx, data_batch) -> None:
        """Seed all random generators for this iteration and train one batch."""
        seed_all(self.runner.seed, self.iter)
        super().run_iter(self._trained + idx, data_batch)  # mmengine counts the batches of this run of the epoch

    def _validate_if_due(self) -> None:
        update_val_interval(self)
        on_time = self.epoch % self.val_interval == 0 or self.epoch == self.max_epochs
        if on_time and self.epoch >= self.val_begin:
            _validate_once(self)


@LOOPS.register_module()
class IterBasedTrainLoop(MMIterBasedTrainLoop):
    """Iteration-based training loop that resumes exactly: with a seed and on a CPU, bit by bit as without the interruption.

    The batches before the interruption are skipped without being loaded.

    Args: As in mmengine's IterBasedTrainLoop.
    """

    def __init__(self, runner, dataloader, *args, **kwargs):
        BaseLoop.__init__(self, runner, dataloader)  # builds self.dataloader
        super().__init__(runner, NumberedLoader(self.dataloader, EndlessBatches), *args, **kwargs)

    def run(self):
        """Train from the current to the last iteration.

        Returns:
            nn.Module: The trained model.
        """
        self.runner.call_hook('before_train')
        # As in mmengine, the whole training is one epoch for the hooks.
        self.runner.call_hook('before_train_epoch')
        if self.iter:
            self._validate_if_due()
        self.dataloader.batch_sampler.begin_at(self.runner.seed, self.iter, self.iter)
        self.dataloader_iterator = iter(self.dataloader)
        while self.iter < self.max_iters and not self.stop_training:
            self.runner.model.train()
            self.run_iter(next(self.dataloader_iterator))
            self._validate_if_due()
        self.runner.call_hook('after_train_epoch')
        self.runner.call_hook('after_train')
        return self.runner.model

    def run_iter(self, data_batch) -> None:
        """Seed all random generators for this iteration and train one batch."""
        seed_all(self.runner.seed, self.iter)
        super().run_iter(data_batch)

    def _validate_if_due(self) -> None:
        update_val_interval(self)
        on_time = self.iter % self.val_interval == 0 or self.iter == self.max_iters
        if on_time and self.iter >= self.val_begin:
            _validate_once(self)


def _validate_once(loop) -> None:
    # Checkpoints are saved before a validation (regular ones) and after it (the best one so far). Only the latter hold the
    # iteration recorded here, so a training that resumes from a regular checkpoint runs the validation, and one that resumes
    # from the best checkpoint does not repeat it.
    hub = loop.runner.message_hub
    if loop.runner.val_loop is not None and hub.get_info(_VALIDATED) != loop.iter:
        hub.update_info(_VALIDATED, loop.iter)
        seed_all(loop.runner.seed, loop.iter, _VALIDATION)
        loop.runner.val_loop.run()
