"""Hooks that draw predictions with the task of the config, and that give other drawings the fonts they need."""
from contextlib import ExitStack
from pathlib import Path

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper

from mmmux.engine.hooks.picture_names import PictureNames
from mmmux.visualization.fonts import matplotlib_fonts

from .find import task_of
from .pipeline_predictor import rgb


class DrawPredictionsHook(Hook):
    """In testing, draw every picture with its prediction (PNG), named as the picture and in the same subfolders.

    The data samples of the test must have an `img_path`.

    Args:
        out_dir: folder for the drawn pictures.
        threshold: lowest score, 0 to 1, of a detection that is drawn.

    Raises:
        DatasetError: two pictures would get the same name.
    """

    def __init__(self, out_dir: str, threshold: float = 0.3):
        self.out_dir = Path(out_dir)
        self.threshold = threshold
        self._names = PictureNames()

    def before_test(self, runner) -> None:
        """Set the attributes of the model that :meth:`mmmux.tasks.Task.draw` reads."""
        self._task = task_of(runner.cfg)
        self._model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        self._model.cfg, self._model.dataset_meta = runner.cfg, runner.test_dataloader.dataset.metainfo

    def after_test_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        """Draw the pictures of a batch."""
        for sample in outputs:
            path = self.out_dir / self._names.name(sample.img_path, runner.test_dataloader.dataset)
            path.parent.mkdir(parents=True, exist_ok=True)
            self._task.draw(rgb(sample.img_path), sample, self._model, self.threshold).save(path)


class FontsHook(Hook):
    """In testing, let matplotlib draw the class names of the test data with a font that has their characters."""

    def before_test(self, runner) -> None:
        """Choose the font."""
        self._fonts = ExitStack()
        self._fonts.enter_context(matplotlib_fonts((runner.test_dataloader.dataset.metainfo or {}).get('classes') or ()))

    def after_test(self, runner) -> None:
        """Restore the fonts from before the test."""
        self._fonts.close()
