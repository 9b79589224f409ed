"""A hook that saves checkpoints so that none is ever lost."""
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

_STOPPED = 'stopped_iter_{}.pth'  # saved on the way out, superseded by the next checkpoint
_OUTDATED = 'outdated_ckpts'


@HOOKS.register_module()
class CheckpointHook(MMCheckpointHook):
    """mmengine's hook, with its arguments, made safe against crashes, full disks and impatient clusters.

    mmengine deletes the oldest checkpoint, then writes the new one under its final name: a crash in between loses both. Here a
    checkpoint is written under another name, sealed with a checksum, read back, and renamed when it is on the disk; then
    `last_checkpoint` names it; then older ones are deleted (`max_keep_ckpts`, `save_best`).

    With `resume`, the latest checkpoint is compared with its checksum. If it is damaged, it is said so, and training goes on
    from the one before.

    SIGTERM (a cluster's pre-emption) and SIGINT (Ctrl-C) end the training after the iteration, or in a validation at once where
    its training is saved, with a checkpoint `stopped_iter_<n>.pth` and status 128 plus the signal's number, as shells count;
    a second signal ends it at once. mmengine's epoch-based loop cannot go on within an epoch, so that with it only whole epochs
    are kept; `train_cfg.type='mmmux.EpochBasedTrainLoop'` can.

    Raises:
        CheckpointError: a checkpoint cannot be written or read back; the last good one is still there. Or there is none to
            resume from that can be read.
        ConfigError: `out_dir` is not a folder of a file system.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._signals = StopSignals()
        self._saved_iter = None

    def before_run(self, runner) -> None:
        """Choose what to resume from."""
        cfg = runner.cfg
        if cfg.get('resume') and is_main_process():
            if cfg.get('load_from') and '://' not in cfg.load_from:
                check_intact(cfg.load_from)
            elif not cfg.get('load_from') and mend_pointer(runner.work_dir, self._folder(runner)) is None:
                runner.logger.info(f'There is nothing to resume from in {runner.work_dir} yet: training starts anew.')
        barrier()

    def before_train(self, runner) -> None:
        """Clear up what a killed process has left."""
        if '://' in str(self._folder(runner)):
            raise ConfigError(f'default_hooks.checkpoint.out_dir is {self.out_dir}, and mmmux.CheckpointHook writes to folders '
                              "of a file system: give one, or use type='CheckpointHook'")
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
        """Keep gradients that are accumulated over several iterations and not applied yet."""
        if getattr(runner.optim_wrapper, '_accumulative_counts', 1) > 1:
            checkpoint['gradients'] = {
                name: parameter.grad.cpu() for name, parameter in _network(runner).named_parameters()
                if parameter.grad is not None
            }

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        """Take up accumulated gradients."""
        if runner.cfg.get('resume'):
            parameters = dict(_network(runner).named_parameters())
            for name, gradient in checkpoint.get('gradients', {}).items():
                parameters[name].grad = gradient.to(parameters[name].device)

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        """Save as often as asked, and before leaving."""
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
        barrier()  # the first process to end would have a launcher end the others, which may still be writing
        self._leave(runner, number, done)

    def before_val(self, runner) -> None:
        """Where the training up to a validation is saved, there is no need to wait for its end."""
        # Several processes go on to the end, as they cannot know whether the others were asked to stop, too.
        if self._saved_iter == runner.iter and get_world_size() == 1:
            if self._signals.received:
                self._leave(runner, self._signals.received, runner.iter)
            self._signals.nothing_to_save = True

    def after_val(self, runner) -> None:
        """From here on there is."""
        self._signals.nothing_to_save = False

    def after_train(self, runner) -> None:
        """Listen to signals no longer."""
        super().after_train(runner)
        self._signals.restore()

    def _save_checkpoint(self, runner) -> None:
        super()._save_checkpoint(SafelySaving(runner))

    def _save_best_checkpoint(self, runner, metrics) -> None:
        super()._save_best_checkpoint(SafelySaving(runner), metrics)
        if is_main_process():  # where no checkpoint has followed yet
            _delete(self.file_backend.take_removals())

    def _save_checkpoint_with_step(self, runner, step, meta) -> None:
        # mmengine's order of things is what this class is there to change. What is to be deleted is noted in the new
        # checkpoint, so that a training killed before it could delete it does so when it is resumed.
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
        # As mmengine will compute it in before_train.
        if self.out_dir is None or str(self.out_dir) == str(runner.work_dir):
            return runner.work_dir
        return f'{self.out_dir}/{Path(runner.work_dir).name}'

    def _point_to(self, runner, checkpoint: str | Path) -> None:
        if is_main_process():
            with explained(Path(runner.work_dir) / POINTER, runner.work_dir):
                point_to(runner.work_dir, checkpoint)

    def _leave(self, runner, number: int, iterations: int) -> None:
        runner.logger.info(f'Stopped by {signal.Signals(number).name} after {iterations} iterations: go on with --resume.')
        raise SystemExit(128 + number)


def _network(runner):
    return runner.model.module if is_model_wrapper(runner.model) else runner.model


def _delete(paths: list) -> None:
    for path in map(Path, paths):
        path.unlink(missing_ok=True)
