"""Hook that writes the predictions of a segmentor as label maps and as coloured images."""
from pathlib import Path

import numpy as np
from mmengine.hooks import Hook
from PIL import Image

from mmmux.datasets.channels import viewable
from mmmux.registry import HOOKS
from mmmux.visualization.overlay import label_array, overlay

from .picture_names import PictureNames


@HOOKS.register_module()
class SegPredictionsHook(Hook):
    """Write the predictions for every test image as PNG files, with the name and subfolder of the image file.

    Args:
        label_map_dir (str | None): Folder for label maps, which hold one class number per pixel. The numbers are those of the
            data set's own label maps: with `reduce_zero_label`, as for ADE20K, the first class is 1, and if the config selects
            some of the classes, these keep their numbers. None writes no label maps. Defaults to None.
        overlay_dir (str | None): Folder for images coloured by class, with a legend. None writes none. Defaults to None.

    Raises:
        DatasetError: Two images would be written to the same file.
    """

    def __init__(self, label_map_dir: str | None = None, overlay_dir: str | None = None):
        self.label_map_dir = label_map_dir and Path(label_map_dir)
        self.overlay_dir = overlay_dir and Path(overlay_dir)
        self._names = PictureNames()

    def after_test_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        """Write the predictions for a batch."""
        dataset = runner.test_dataloader.dataset
        for sample in outputs:
            labels = label_array(sample.pred_sem_seg)
            name = self._names.name(sample.img_path, dataset)
            if self.label_map_dir:
                _save(original_numbers(labels, dataset.metainfo), self.label_map_dir / name)
            if self.overlay_dir:
                image = viewable(sample.img_path)
                _save(overlay(image, labels, dataset.metainfo['classes'], dataset.metainfo['palette']), self.overlay_dir / name)


def original_numbers(labels: np.ndarray, metainfo: dict) -> Image.Image:
    """Convert a predicted label map to the class numbers of the data set's own label maps.

    Args:
        labels (np.ndarray): Class indices from 0, shape (H, W).
        metainfo (dict): `metainfo` of the data set, with `classes` and optionally `label_map` and `reduce_zero_label`.

    Returns:
        Image.Image: The label map, W x H pixels, with 8 bits per pixel if all numbers are below 256, else 16 bits.
    """
    numbers = np.arange(len(metainfo['classes']))
    for original, label in (metainfo.get('label_map') or {}).items():
        if label < len(numbers):
            numbers[label] = original
    numbers = numbers + int(bool(metainfo.get('reduce_zero_label')))
    return Image.fromarray(numbers[labels].astype(np.uint8 if numbers.max() < 256 else np.uint16))


def _save(image: Image.Image, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)
