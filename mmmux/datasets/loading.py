"""Loading pictures: a bad one gets a sentence in testing, and does not end a run in training."""
import logging

import mmcv
import numpy as np
from mmcv.transforms import LoadImageFromFile
from mmengine.logging import print_log

from mmmux.registry import TRANSFORMS
from mmmux.utils.errors import DatasetError, in_a_line

from .image_checks import picture_bytes

_MOST_FAILURES_IN_A_ROW = 100


@TRANSFORMS.register_module()
class LoadImage(LoadImageFromFile):
    """mmcv's LoadImageFromFile, which tells a picture that cannot be decoded in a sentence. Arguments as in mmcv, but for
    `file_client_args`, an old name of `backend_args`.

    How large a picture is, is read before it is decoded: OpenCV would unpack a file of a few bytes to gigabytes.

    Raises:
        DatasetError: the picture is missing, damaged, or has more than `2 * PIL.Image.MAX_IMAGE_PIXELS` pixels.
    """

    def transform(self, results: dict) -> dict | None:
        """Add `img` (H, W, 3)."""
        try:
            image = read_picture(results['img_path'], self.color_type, backend=self.imdecode_backend,
                                 backend_args=self.backend_args)
        except DatasetError:
            if self.ignore_empty:
                return None
            raise
        results['img'] = image.astype(np.float32) if self.to_float32 else image
        results['img_shape'] = results['ori_shape'] = image.shape[:2]
        return results


def read_picture(path: str, flag: str = 'color', channel_order: str = 'bgr', backend: str | None = 'cv2',
                 backend_args: dict | None = None) -> np.ndarray:
    """Read a picture as mmcv does.

    Args:
        path: of a file, or whatever else mmengine can read.
        flag: 'color', 'grayscale', ... as in :func:`mmcv.imread`, as are the further arguments.

    Returns:
        np.ndarray: (H, W, 3), uint8, of any colour picture.

    Raises:
        DatasetError: it is missing, damaged or far too large.
    """
    try:
        image = mmcv.imfrombytes(picture_bytes(str(path), backend_args), flag, channel_order, backend)
    except DatasetError as error:
        raise DatasetError(f'picture {in_a_line(str(path))} cannot be read (it {error})') from None
    except Exception:  # each decoder has its own
        image = None
    if image is None or not image.size:
        raise DatasetError(f'picture {in_a_line(str(path))} cannot be read (it is damaged or of a kind that {backend} '
                           'does not decode)')
    return image


class SkipUnusable:
    """Mix into a loading transform for training: what cannot be used is named, and None has the data set draw another picture.

    Raises:
        DatasetError: 100 in a row failed: the data as a whole is at fault. A few bad ones among many never end a run. Or it is
            one of `NEVER_SKIPPED`.
    """

    NEVER_SKIPPED: type[DatasetError] | tuple = ()

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._said: set[str] = set()
        self._in_a_row = 0

    def load(self, results: dict) -> dict:
        """Load without skipping: what cannot be used raises."""
        return super().transform(results)

    def transform(self, results: dict) -> dict | None:
        """Load, or return None."""
        try:
            loaded = self.load(results)
            self._in_a_row = 0
            return loaded
        except self.NEVER_SKIPPED:
            raise
        except DatasetError as error:
            sentence = str(error)
        if sentence not in self._said:
            self._said.add(sentence)
            print_log(f'{sentence} and is skipped', logger='current', level=logging.WARNING)
        self._in_a_row += 1
        if self._in_a_row >= _MOST_FAILURES_IN_A_ROW:
            raise DatasetError(f'{self._in_a_row} pictures in a row cannot be used, the last one because {sentence}: check the '
                               'data set and its data_root')
        return None


@TRANSFORMS.register_module()
class LoadImageOrSkip(SkipUnusable, LoadImage):
    """For training: a picture that cannot be decoded is named, once in each loading process, and another one is drawn.

    Data sets check their pictures when they start as far as that is cheap; this catches what only decoding finds.
    """
