"""Predict single pictures with a trained model, and draw the predictions, as `tools/image_demo.py` does."""
import copy
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import MODELS
from mmengine.structures import BaseDataElement
from PIL import Image

from mmmux.config.suggestions import explained
from mmmux.tasks import task_of
from mmmux.tasks.pipeline_predictor import rgb
from mmmux.utils.errors import ConfigError


class Inferencer:
    """Run a trained model on single pictures, and draw its predictions.

    Args:
        cfg: the config of the model.
        checkpoint: file or URL of its weights.
        device: 'cpu', 'cuda:0', ...; None takes a GPU if there is one.
        tiles: (side in pixels, overlap as a share of the side) of the tiles that large pictures are cut into; None cuts none.

    Raises:
        CheckpointError: the file is missing, or the weights are of another model.
        ConfigError: neither the checkpoint nor the config names the classes.
    """

    def __init__(self, cfg: Config, checkpoint: str, device: str | None = None,
                 tiles: tuple[int, float] | None = None):
        self.cfg, self.task = cfg, task_of(cfg)
        with explained(cfg):
            self.model = self.task.load_model(cfg, checkpoint, device or ('cuda:0' if torch.cuda.is_available() else 'cpu'))
            if tiles is not None:
                self._cut_into_tiles(*tiles)
            self._predict = self.task.predictor(self.model)

    def _cut_into_tiles(self, size: int, overlap: float) -> None:
        self.cfg = copy.deepcopy(self.cfg)
        self.task.cut_into_tiles(self.cfg, size, overlap)
        plain = self.model
        self.model = MODELS.build(dict(self.cfg.model, module=plain)).eval()
        self.model.cfg, self.model.dataset_meta = self.cfg, plain.dataset_meta

    def predict(self, picture: Path | np.ndarray):
        """Predict one picture.

        Args:
            picture: a file, or an array (H, W, 3), RGB, 0 to 255.

        Returns:
            The data sample of the model's package: mmdet's DetDataSample, mmseg's SegDataSample or mmpretrain's DataSample.

        Raises:
            DatasetError: the picture cannot be read.
        """
        return self._predict(picture)

    def draw(self, picture: Path, out_file: Path, threshold: float = 0.3):
        """Predict one picture, and write it with the prediction drawn on it.

        Args:
            picture: file to read.
            out_file: file to write.
            threshold: detections with a lower score (0 to 1) are not drawn.

        Returns:
            The data sample, as :meth:`predict` returns it.

        Raises:
            DatasetError: the picture cannot be read.
            ConfigError: `out_file` is the picture itself.
        """
        if Path(out_file).resolve() == Path(picture).resolve() and Path(picture).exists():
            raise ConfigError(f'{out_file} is both the picture to read and the file to write, which would be lost: write to '
                              'another folder')
        image, sample = self.drawn(picture, threshold)
        # Lossless at any level; the default level takes longer than most models.
        image.save(out_file, **(dict(compress_level=1) if Path(out_file).suffix.lower() == '.png' else {}))
        return sample

    def drawn(self, picture: Path | np.ndarray, threshold: float = 0.3) -> tuple[Image.Image, object]:
        """Predict one picture, and return it with the prediction drawn on it, without writing a file.

        Args:
            picture: a file, or an array as in :meth:`predict`.
            threshold: detections with a lower score (0 to 1) are not drawn.

        Returns:
            The drawn picture, and the data sample as :meth:`predict` returns it.

        Raises:
            DatasetError: the picture cannot be read.
        """
        image = rgb(picture)
        # Decoding a file once more takes a tenth of a small model's time.
        once = not isinstance(picture, np.ndarray) and getattr(self._predict, 'takes_pixels', False)
        sample = self.predict(image if once else picture)
        if once and isinstance(sample, BaseDataElement):
            sample.set_metainfo(dict(img_path=str(picture)))
        return self.task.draw(image, sample, self.model, threshold), sample

    def summary(self, sample, threshold: float = 0.3) -> str:
        """Describe a prediction in a few words for the end of a printed line.

        Args:
            sample: the data sample, from :meth:`predict`.
            threshold: detections with a lower score (0 to 1) are not counted.

        Returns:
            ', ' and the number of objects or the class with the highest score; '' for a segmentor.
        """
        return self.task.summary(sample, self.model, threshold)
