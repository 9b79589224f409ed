"""Cut images into overlapping tiles, so that a detector finds objects that are small in a large image."""
import copy
from collections.abc import Sequence

import numpy as np
from mmcv.transforms import BaseTransform
from mmengine.dataset import Compose

from mmmux.registry import TRANSFORMS
from mmmux.utils.errors import ConfigError, InstallationError


@TRANSFORMS.register_module()
class CutTiles(BaseTransform):
    """Run transforms on the whole image and on each of its tiles, as mmcv's TestTimeAug does on each of its views.

    Annotations that `transforms` load stay those of the whole image. The tiles are those of SAHI (Akyon et al., "Slicing Aided
    Hyper Inference and Fine-tuning for Small Object Detection", ICIP 2022). An image that is no larger than a tile is not cut.

    Args:
        size (int): side of a tile in pixels.
        overlap (float): overlap of neighbours as a share of the side, 0 to below 1.
        transforms (Sequence[dict]): the transforms, whose last one packs `tile_offset` into the data sample.

    Raises:
        ConfigError: `size` or `overlap` is out of range.
        InstallationError: sahi is not installed.
    """

    def __init__(self, size: int, overlap: float, transforms: Sequence[dict]):
        if not isinstance(size, int) or size < 32 or not 0 <= overlap < 1:
            raise ConfigError(f'tiles need a side of at least 32 pixels and an overlap from 0 to below 1, got {size} and '
                              f'{overlap}')
        try:
            from sahi.slicing import get_slice_bboxes
        except ImportError:
            raise InstallationError("tiles need the package sahi: pip install 'mmmux[tiles]'") from None
        self._corners = get_slice_bboxes
        self.size, self.overlap, self.transforms = size, overlap, Compose(transforms)

    def transform(self, results: dict) -> dict[str, list]:
        """Cut the image.

        Args:
            results (dict): with `img`, (H, W, C).

        Returns:
            dict[str, list]: for each key of the packed results, the values of the whole image and of each tile.
        """
        height, width = results['img'].shape[:2]
        boxes = [[0, 0, width, height]]
        if max(height, width) > self.size:
            boxes += self._corners(height, width, min(self.size, height), min(self.size, width), False, self.overlap,
                                   self.overlap)
        packed = [self.transforms(_part(results, box)) for box in boxes]
        return {key: [each[key] for each in packed] for key in packed[0]}


def _part(results: dict, box: Sequence[int]) -> dict:
    x1, y1, x2, y2 = box
    part = copy.deepcopy({key: value for key, value in results.items() if key != 'img'})
    image = np.ascontiguousarray(results['img'][y1:y2, x1:x2])
    return dict(part, img=image, img_shape=image.shape[:2], ori_shape=image.shape[:2], tile_offset=(x1, y1))
