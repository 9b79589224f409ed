"""One line of progress for people who look on."""
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import IterBasedTrainLoop
from tqdm import tqdm

from mmmux.registry import HOOKS

_SECONDS_BETWEEN_LINES = 10


@HOOKS.register_module()
class ProgressHook(Hook):
    """Show how far training and testing are, the loss, the last score, and the time left.

    On a terminal it is one line that moves; in a file, a new line every ten seconds.

    Args:
        score: name of the metric to show after each evaluation, e.g. 'pascal_voc/mAP'.
    """

    def __init__(self, score: str):
        self.score = score
        self.bar = None

    def before_train(self, runner) -> None:
        """Begin the training bar, where a resumed run left off."""
        self._begin('training', runner.max_iters, runner.iter)

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        """Count an iteration."""
        loss = runner.message_hub.get_scalar('train/loss').mean(50)
        epoch = {} if _counts_iterations(runner) else dict(epoch=f'{runner.epoch + 1}/{runner.max_epochs}')
        self._step(**epoch, loss=f'{loss:.2f}')

    def after_val_epoch(self, runner, metrics=None) -> None:
        """Tell the score."""
        if self.bar is not None and metrics and self.score in metrics:
            when = f'iteration {runner.iter}' if _counts_iterations(runner) else f'epoch {runner.epoch}'
            self.bar.write(f'  {when}: {self.score.split("/")[-1]} {metrics[self.score]:.3f}')

    def after_train(self, runner) -> None:
        """End the training bar."""
        self._end()

    def before_test(self, runner) -> None:
        """Begin the testing bar."""
        self._begin('testing', len(runner.test_dataloader), 0)

    def after_test_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        """Count a batch."""
        self._step()

    def after_test(self, runner) -> None:
        """End the testing bar."""
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
