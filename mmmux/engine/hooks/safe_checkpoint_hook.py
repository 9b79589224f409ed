"""Base of the checkpoint hook: save atomically, verify each file, and resume from the latest intact checkpoint."""
from collections.abc import Iterable
from pathlib import Path

from mmengine.dist import barrier, is_main_process
from mmengine.hooks import CheckpointHook as MMCheckpointHook

from mmmux.checkpoints.checksum import check_intact
from mmmux.checkpoints.resume import POINTER, mend_pointer, point_to
from mmmux.engine.runner.safe_saving import LaterRemovals, SafelySaving, explained
from mmmux.utils.atomic_write import remove_leftovers
from mmmux.utils.compat import WritesSteps
from mmmux.utils.errors import ConfigError

from .best_score import check_measured, rule_explained

_STOPPED = 'stopped_iter_{}.pth'  # saved when a signal stops the training, deleted after the next regular checkpoint
_OUTDATED = 'outdated_ckpts'


class SafeCheckpointHook(WritesSteps, MMCheckpointHook):
    """Save checkpoints so that a crash or a full disk loses no finished checkpoint, and resume from an intact one.

    Saving: mmengine deletes the oldest checkpoint and then writes the new one under its final name, so a crash between the two
    steps can lose both. This hook writes a checkpoint under a temporary name, adds a checksum, reads the file back and renames
    it after it is flushed to the disk. It then updates `last_checkpoint`, and then deletes older checkpoints
    (`max_keep_ckpts`, `save_best`).

    Resuming: the hook compares the latest checkpoint with its checksum. If the checkpoint is damaged, the hook logs a warning
    and the training resumes from the latest intact one.

    Args: As in mmengine's CheckpointHook.

    Attributes:
        saved_iter (int | None): Number of iterations of the last regular checkpoint of this process; None before the first.

    Raises:
        CheckpointError: A checkpoint cannot be written or read back (the last good checkpoint still exists), or none of the
            checkpoints to resume from is intact.
        ConfigError: `out_dir` is a URL and not a folder, `rule` does not fit `save_best`, or the validation does not measure
            `save_best`.
    """

    def __init__(self, *args, **kwargs):
        with rule_explained(kwargs.get('save_best'), kwargs.get('rule')):
            super().__init__(*args, **kwargs)
        self.saved_iter = None

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
        """Delete the unfinished and outdated files of a killed process."""
        if '://' in str(self._folder(runner)):
            raise ConfigError(f'default_hooks.checkpoint.out_dir is {self.out_dir}, and mmmux.CheckpointHook writes only to a '
                              "folder of this machine: set one, or set type='CheckpointHook', mmengine's own hook")
        super().before_train(runner)
        self.file_backend = LaterRemovals(self.file_backend)
        if is_main_process():
            remove_leftovers(self.out_dir)
            _delete(runner.message_hub.get_info(_OUTDATED, []))

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        """Save a checkpoint at the configured interval."""
        super().after_train_iter(SafelySaving(runner), batch_idx, data_batch, outputs)

    def after_train_epoch(self, runner) -> None:
        """Save a checkpoint at the configured interval."""
        super().after_train_epoch(SafelySaving(runner))

    def after_val_epoch(self, runner, metrics) -> None:
        """Save the best checkpoint, and delete the one before it now: the next regular checkpoint may come much later."""
        if self.save_best and metrics:
            check_measured(self.key_indicators, metrics)
        # For 'auto', mmengine derives the rule from the first metric of the first validation.
        with rule_explained('auto' if self.save_best == ['auto'] else None, None):
            super().after_val_epoch(SafelySaving(runner), metrics)
        if self.save_best and is_main_process():
            _delete(self.file_backend.take_removals())

    def save_stopped(self, runner) -> None:
        """Save a checkpoint `stopped_iter_<n>.pth` after the current iteration; the next regular checkpoint replaces it."""
        done = runner.iter + 1
        name = _STOPPED.format(done)
        SafelySaving(runner).save_checkpoint(
            self.out_dir, name, meta=dict(epoch=runner.epoch, iter=done), by_epoch=False, backend_args=self.backend_args)
        self._point_to(runner, Path(self.out_dir) / name)

    def save_step(self, runner, step: int, meta: dict) -> None:
        """Write a regular checkpoint, and then delete the outdated ones."""
        # The new checkpoint stores the names of the files to delete, so that a training that is killed before it deletes them
        # does so when it resumes.
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
        self.saved_iter = meta['iter']
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


def _delete(paths: Iterable[str | Path]) -> None:
    for path in map(Path, paths):
        path.unlink(missing_ok=True)
