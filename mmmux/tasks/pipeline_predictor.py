"""Predict single pictures with the test pipeline of a config."""
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from mmcv.transforms import LoadAnnotations, LoadImageFromFile
from mmengine.dataset import Compose, pseudo_collate
from torch import nn

from mmmux.config.careful_loaders import with_careful_loaders
from mmmux.config.load import innermost_dataset
from mmmux.datasets.channels import LoadChannels, viewable
from mmmux.utils.compat import swaps_channels


def pipeline_predictor(model: nn.Module) -> Callable[[Path | np.ndarray], Any]:
    """Build the function that :meth:`mmmux.tasks.Task.predictor` returns by default.

    Args:
        model: in evaluation mode, with `cfg`.
    """
    pipeline = Compose(innermost_dataset(with_careful_loaders(model.cfg.test_dataloader)).pipeline)
    steps = [step for step in pipeline.transforms if not isinstance(step, LoadAnnotations)]
    loads_files = isinstance(steps[0], LoadImageFromFile)

    def predict(picture: Path | np.ndarray):
        info, left = dict(img_id=0), steps  # mmdet's data samples need an img_id
        if not loads_files:  # the data set holds pictures, in the order that the preprocessor expects
            info['img'] = np.ascontiguousarray(rgb(picture)[..., ::-1 if swaps_channels(model.data_preprocessor) else 1])
        elif isinstance(picture, np.ndarray):
            shape = picture.shape[:2]
            info.update(img=_as_loaded(steps[0], picture), img_shape=shape, ori_shape=shape)
            left = steps[1:]  # the first step would read a file
        else:
            info['img_path'] = str(picture)
        with torch.no_grad():
            return model.test_step(pseudo_collate([Compose(left)(info)]))[0]

    predict.takes_pixels = not loads_files or _reads_as_rgb(steps[0])
    return predict


def rgb(picture: Path | np.ndarray) -> np.ndarray:
    """Return a picture as an array (H, W, 3), RGB, 0 to 255; read it if it is a file.

    Args:
        picture: a file, or such an array, which is returned as it is.

    Raises:
        DatasetError: the file cannot be read.
    """
    return picture if isinstance(picture, np.ndarray) else viewable(picture)


def _as_loaded(loader: LoadImageFromFile, picture: np.ndarray) -> np.ndarray:
    """Return the array that a transform would load from a file with these colours: BGR, or gray (H, W, 1)."""
    if isinstance(loader, LoadChannels) and loader.channels == 1:
        return cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)[..., None]
    return cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)  # four times as fast as numpy's reversed copy


def _reads_as_rgb(loader: LoadImageFromFile) -> bool:
    """Return whether a transform loads the pixels that :func:`rgb` reads, in the opposite order of channels."""
    return not isinstance(loader, LoadChannels) and loader.color_type == 'color' and loader.imdecode_backend == 'cv2' and (
        not loader.to_float32)
