"""Hook that saves checkpoints atomically, verifies them, and saves one more when a signal stops the training."""
import signal
from pathlib import Path

from mmengine.dist import barrier, get_world_size, is_main_process
from mmengine.hooks import CheckpointHook as MMCheckpointHook
from mmengine.model import is_model_wrapper
from mmengine.runner import IterBasedTrainLoop

from mmmux.checkpoints.checksum import check_intact
from mmmux.checkpoints.resume import POINTER, mend_pointer, point_to
from mmmux.engine.runner.safe_saving import LaterRemovals, SafelySaving, explained
from mmmux.engine.runner.stop_signals import StopSignals
from mmmux.engine.runner.train_loops import EpochBasedTrainLoop
from mmmux.registry import HOOKS
from mmmux.utils.atomic_write import remove_leftovers
from mmmux.utils.errors import ConfigError

_STOPPED = 'stopped_iter_{}.pth'  # saved when a signal stops the training, deleted after the next regular checkpoint
_OUTDATED = 'outdated_ckpts'


@HOOKS.register_module()
class CheckpointHook(MMCheckpointHook):
    """Save checkpoints so that a crash, a full disk or a signal loses no finished checkpoint.

    Saving: mmengine deletes the oldest checkpoint and then writes the new one under its final name, so a crash between the two
    steps can lose both. This hook writes a checkpoint under a temporary name, adds a checksum, reads the file back and renames
    it after it is flushed to the disk. It then updates `last_checkpoint`, and then deletes older checkpoints
    (`max_keep_ckpts`, `save_best`).

    Resuming: the hook compares the latest checkpoint with its checksum. If the checkpoint is damaged, the hook logs a warning
    and the training resumes from the latest intact one.

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
        self._saved_iter = None

    def before_run(self, runner) -> None:
        """Check the checkpoint to resume from, or find the latest intact one."""
        cfg = runner.cfg
        if cfg.get('resume') and is_main_process():
            if cfg.get('load_from') and '://' not in cfg.load_from:
                check_intact(cfg.load_from)
            elif not cfg.get('load_from') and mend_pointer(runner.work_dir, self._folder(runner)) is None:
                runner.logger.info(f'{runner.work_dir} holds no checkpoint to resume from: the training starts at iteration 0.')
        barrier()

    def before_train(self, runner) -> None:
        """Delete the unfinished and outdated files of a killed process and install the signal handlers."""
        if '://' in str(self._folder(runner)):
            raise ConfigError(f'default_hooks.checkpoint.out_dir is {self.out_dir}, and mmmux.CheckpointHook writes only to a '
                              "folder of this machine: set one, or set type='CheckpointHook', mmengine's own hook")
        super().before_train(runner)
        self.file_backend = LaterRemovals(self.file_backend)
        if is_main_process():
            remove_leftovers(self.out_dir)
            _delete(runner.message_hub.get_info(_OUTDATED, []))
        self._signals.watch()
        self._signals.keep_workers(runner.train_dataloader)
        if runner.val_loop is not None:
            self._signals.keep_workers(runner.val_dataloader)

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        """Add the accumulated gradients that the optimiser has not applied yet to the checkpoint."""
        if getattr(runner.optim_wrapper, '_accumulative_counts', 1) > 1:
            checkpoint['gradients'] = {
                name: parameter.grad.cpu() for name, parameter in _network(runner).named_parameters()
                if parameter.grad is not None
            }

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        """Restore the accumulated gradients of the checkpoint if the training resumes."""
        if runner.cfg.get('resume'):
            parameters = dict(_network(runner).named_parameters())
            for name, gradient in checkpoint.get('gradients', {}).items():
                parameters[name].grad = gradient.to(parameters[name].device)

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        """Save a checkpoint at the configured interval; after a signal, save a checkpoint and exit."""
        super().after_train_iter(runner, batch_idx, data_batch, outputs)
        done = runner.iter + 1
        number = self._signals.agreed(done)
        if not number:
            return
        if self._saved_iter != done and isinstance(runner.train_loop, (IterBasedTrainLoop, EpochBasedTrainLoop)):
            name = _STOPPED.format(done)
            SafelySaving(runner).save_checkpoint(
                self.out_dir, name, meta=dict(epoch=runner.epoch, iter=done), by_epoch=False, backend_args=self.backend_args)
            self._point_to(runner, Path(self.out_dir) / name)
        barrier()  # a launcher kills the other processes, which may still be writing, when the first process ends
        self._leave(runner, number, done)

    def before_val(self, runner) -> None:
        """Let a signal end the process at once during this validation if a checkpoint of the last iteration exists."""
        # Several processes finish the validation, because a process cannot know whether the others received the signal, too.
        if self._saved_iter == runner.iter and get_world_size() == 1:
            if self._signals.received:
                self._leave(runner, self._signals.received, runner.iter)
            self._signals.nothing_to_save = True

    def after_val(self, runner) -> None:
        """Let a signal end the training with a checkpoint again."""
        self._signals.nothing_to_save = False

    def after_train(self, runner) -> None:
        """Restore the previous signal handlers."""
        super().after_train(runner)
        self._signals.restore()

    def _save_checkpoint(self, runner) -> None:
        super()._save_checkpoint(SafelySaving(runner))

    def _save_best_checkpoint(self, runner, metrics) -> None:
        super()._save_best_checkpoint(SafelySaving(runner), metrics)
        if is_main_process():  # delete now: the next regular checkpoint may come much later
            _delete(self.file_backend.take_removals())

    def _save_checkpoint_with_step(self, runner, step, meta) -> None:
        # Replaces mmengine's method to delete after saving. The new checkpoint stores the names of the files to delete, so that
        # a training that is killed before it deletes them does so when it resumes.
        outdated = self.file_backend.take_removals()
        if self.max_keep_ckpts > 0 and step not in list(self.keep_ckpt_ids)[-1:]:
            if len(self.keep_ckpt_ids) == self.max_keep_ckpts:
                outdated.append(self._path(self.keep_ckpt_ids.popleft()))
            self.keep_ckpt_ids.append(step)
            runner.message_hub.update_info('keep_ckpt_ids', list(self.keep_ckpt_ids))
        self.last_ckpt = self._path(step)
        runner.message_hub.update_info('last_ckpt', self.last_ckpt)
        runner.message_hub.update_info(_OUTDATED, outdated)
        runner.save_checkpoint(
            self.out_dir, self.filename_tmpl.format(step), self.file_client_args, save_optimizer=self.save_optimizer,
            save_param_scheduler=self.save_param_scheduler, meta=meta, by_epoch=self.by_epoch,
            backend_args=self.backend_args, **self.args)
        self._saved_iter = meta['iter']
        if is_main_process():
            self._point_to(runner, self.last_ckpt)
            _delete([*outdated, *Path(self.out_dir).glob(_STOPPED.format('*'))])

    def _path(self, step: int) -> str:
        return self.file_backend.join_path(self.out_dir, self.filename_tmpl.format(step))

    def _folder(self, runner) -> Path | str:
        # The same folder that mmengine computes later, in before_train.
        if self.out_dir is None or str(self.out_dir) == str(runner.work_dir):
            return runner.work_dir
        return f'{self.out_dir}/{Path(runner.work_dir).name}'

    def _point_to(self, runner, checkpoint: str | Path) -> None:
        if is_main_process():
            with explained(Path(runner.work_dir) / POINTER, runner.work_dir):
                point_to(runner.work_dir, checkpoint)

    def _leave(self, runner, number: int, iterations: int) -> None:
        runner.logger.info(f'Stopped by {signal.Signals(number).name} after {iterations} iterations: continue with --resume.')
        raise SystemExit(128 + number)


def _network(runner):
    return runner.model.module if is_model_wrapper(runner.model) else runner.model


def _delete(paths: list) -> None:
    for path in map(Path, paths):
        path.unlink(missing_ok=True)
