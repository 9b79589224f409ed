"""A hook that writes what a segmentor predicts: label maps, and overlays to look at."""
import os.path as osp
from pathlib import Path

import numpy as np
from mmengine.hooks import Hook
from PIL import Image

from mmmux.datasets.loading import read_picture
from mmmux.registry import HOOKS
from mmmux.utils.errors import DatasetError
from mmmux.visualization.overlay import overlay


@HOOKS.register_module()
class SegPredictionsHook(Hook):
    """In testing, write a file for every picture, named as the picture and in the same subfolders.

    Args:
        label_map_dir: folder for label maps (PNG, one number a pixel), numbered as the data set's own: with
            `reduce_zero_label`, as for ADE20K, the first class is 1; where a config uses some classes, they keep their numbers.
        overlay_dir: folder for the pictures coloured by class, with a legend (PNG).

    Raises:
        DatasetError: two pictures of a data set made of several would get the same name.
    """

    def __init__(self, label_map_dir: str | None = None, overlay_dir: str | None = None):
        self.label_map_dir = label_map_dir and Path(label_map_dir)
        self.overlay_dir = overlay_dir and Path(overlay_dir)
        self._written: dict[Path, str] = {}

    def after_test_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        """Write the pictures of a batch."""
        dataset = runner.test_dataloader.dataset
        for sample in outputs:
            labels = sample.pred_sem_seg.data.cpu().numpy()
            labels = labels.reshape(labels.shape[-2:])
            name = _name(sample.img_path, dataset)
            if self._written.setdefault(name, sample.img_path) != sample.img_path:
                raise DatasetError(f'{self._written[name]} and {sample.img_path} would both be written as {name}: test one '
                                   'data set at a time')
            if self.label_map_dir:
                _save(original_numbers(labels, dataset.metainfo), self.label_map_dir / name)
            if self.overlay_dir:
                image = read_picture(sample.img_path, channel_order='rgb')
                _save(overlay(image, labels, dataset.metainfo['classes'], dataset.metainfo['palette']), self.overlay_dir / name)


def original_numbers(labels: np.ndarray, metainfo: dict) -> Image.Image:
    """Label map (H, W) with the numbers that the data set's own label maps use."""
    numbers = np.arange(len(metainfo['classes']))
    for original, label in (metainfo.get('label_map') or {}).items():
        if label < len(numbers):
            numbers[label] = original
    numbers = numbers + int(bool(metainfo.get('reduce_zero_label')))
    return Image.fromarray(numbers[labels].astype(np.uint8 if numbers.max() < 256 else np.uint16))


def _name(picture: str, dataset) -> Path:
    root = (getattr(dataset, 'data_prefix', None) or {}).get('img_path')
    inside = root is not None and not osp.relpath(picture, root).startswith('..')
    return Path(osp.relpath(picture, root) if inside else osp.basename(picture)).with_suffix('.png')


def _save(image: Image.Image, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)
