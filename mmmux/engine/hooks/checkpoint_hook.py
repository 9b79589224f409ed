"""Hook that saves checkpoints safely, and saves one more when a signal stops the training."""
import signal

from mmengine.dist import barrier, get_world_size
from mmengine.runner import IterBasedTrainLoop

from mmmux.engine.runner.accumulated_gradients import accumulated_gradients, restore_gradients
from mmmux.engine.runner.stop_signals import StopSignals
from mmmux.engine.runner.train_loops import EpochBasedTrainLoop
from mmmux.registry import HOOKS

from .safe_checkpoint_hook import SafeCheckpointHook

_GRADIENTS = 'gradients'  # key of a checkpoint


@HOOKS.register_module()
class CheckpointHook(SafeCheckpointHook):
    """Save checkpoints so that a crash, a full disk or a signal loses no finished checkpoint and no finished iteration.

    :class:`.safe_checkpoint_hook.SafeCheckpointHook` describes saving and resuming.

    Stopping: SIGTERM (e.g. pre-emption on a cluster) and SIGINT (Ctrl-C) end the training after the current iteration with a
    checkpoint `stopped_iter_<n>.pth` and exit status 128 + signal number. During a validation, the training ends at once if a
    checkpoint of its last iteration exists and there is a single process. A second signal ends the process at once. mmengine's
    epoch-based loop cannot resume within an epoch, so with that loop no checkpoint is saved on a signal;
    `train_cfg.type='mmmux.EpochBasedTrainLoop'` can.

    Args: As in mmengine's CheckpointHook.

    Raises:
        CheckpointError: A checkpoint cannot be written or read back (the last good checkpoint still exists), or none of the
            checkpoints to resume from is intact.
        ConfigError: `out_dir` is a URL and not a folder.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._signals = StopSignals()

    def before_train(self, runner) -> None:
        """Delete the unfinished and outdated files of a killed process and install the signal handlers."""
        super().before_train(runner)
        self._signals.watch()
        self._signals.keep_workers(runner.train_dataloader)
        if runner.val_loop is not None:
            self._signals.keep_workers(runner.val_dataloader)

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        """Add the accumulated gradients that the optimiser has not applied yet to the checkpoint."""
        gradients = accumulated_gradients(runner)
        if gradients is not None:
            checkpoint[_GRADIENTS] = gradients

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        """Restore the accumulated gradients of the checkpoint if the training resumes."""
        if runner.cfg.get('resume'):
            restore_gradients(runner, checkpoint.get(_GRADIENTS, {}))

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        """Save a checkpoint at the configured interval; after a signal, save a checkpoint and exit."""
        super().after_train_iter(runner, batch_idx, data_batch, outputs)
        done = runner.iter + 1
        number = self._signals.agreed(done)
        if not number:
            return
        if self.saved_iter != done and isinstance(runner.train_loop, (IterBasedTrainLoop, EpochBasedTrainLoop)):
            self.save_stopped(runner)
        barrier()  # a launcher kills the other processes, which may still be writing, when the first process ends
        _leave(runner, number, done)

    def before_val(self, runner) -> None:
        """Let a signal end the process at once during this validation if a checkpoint of the last iteration exists."""
        # Several processes finish the validation, because a process cannot know whether the others received the signal, too.
        if self.saved_iter == runner.iter and get_world_size() == 1:
            if self._signals.received:
                _leave(runner, self._signals.received, runner.iter)
            self._signals.nothing_to_save = True

    def after_val(self, runner) -> None:
        """Let a signal end the training with a checkpoint again."""
        self._signals.nothing_to_save = False

    def after_train(self, runner) -> None:
        """Restore the previous signal handlers."""
        super().after_train(runner)
        self._signals.restore()


def _leave(runner, number: int, iterations: int) -> None:
    runner.logger.info(f'Stopped by {signal.Signals(number).name} after {iterations} iterations: continue with --resume.')
    raise SystemExit(128 + number)
