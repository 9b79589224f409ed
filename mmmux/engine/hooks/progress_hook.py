"""Hook that shows the progress of training and testing in one line, in the trials of a search and in the demos."""
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import IterBasedTrainLoop
from tqdm import tqdm

from mmmux.registry import HOOKS

_SECONDS_BETWEEN_LINES = 10


@HOOKS.register_module()
class ProgressHook(Hook):
    """Show a progress bar with the loss and the remaining time, and a line with the score after each validation.

    On a terminal, the bar is one line that is redrawn. In a file, a new line is written every 10 seconds.

    Args:
        score (str): Name of the metric to show after each validation, e.g. 'pascal_voc/mAP'.
    """

    def __init__(self, score: str):
        self.score = score
        self.bar = None

    def before_train(self, runner) -> None:
        """Start the training bar, at the current iteration of a resumed training."""
        self._begin('training', runner.max_iters, runner.iter)

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        """Advance the training bar by one iteration and show the mean loss of the last 50 iterations."""
        loss = runner.message_hub.get_scalar('train/loss').mean(50)
        epoch = {} if _counts_iterations(runner) else dict(epoch=f'{runner.epoch + 1}/{runner.max_epochs}')
        self._step(**epoch, loss=f'{loss:.2f}')

    def after_val_epoch(self, runner, metrics=None) -> None:
        """Write a line with the score."""
        if self.bar is not None and metrics and self.score in metrics:
            when = f'iteration {runner.iter}' if _counts_iterations(runner) else f'epoch {runner.epoch}'
            self.bar.write(f'  {when}: {self.score.split("/")[-1]} {metrics[self.score]:.3f}')

    def after_train(self, runner) -> None:
        """Close the training bar."""
        self._end()

    def before_test(self, runner) -> None:
        """Start the testing bar."""
        self._begin('testing', len(runner.test_dataloader), 0)

    def after_test_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        """Advance the testing bar by one batch."""
        self._step()

    def after_test(self, runner) -> None:
        """Close the testing bar."""
        self._end()

    def _begin(self, what: str, total: int, done: int) -> None:
        if is_main_process():
            self.bar = tqdm(desc=what, total=total, initial=done, unit='batch', dynamic_ncols=True)
            if not self.bar.fp.isatty():
                self.bar.mininterval = _SECONDS_BETWEEN_LINES

    def _step(self, **shown) -> None:
        if self.bar is not None:
            self.bar.set_postfix(shown, refresh=False)
            self.bar.update()

    def _end(self) -> None:
        if self.bar is not None:
            self.bar.close()
            self.bar = None


def _counts_iterations(runner) -> bool:
    return isinstance(runner.train_loop, IterBasedTrainLoop)
