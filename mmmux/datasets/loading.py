"""Load images: a bad image raises a one-sentence error in testing, and is skipped in training.

The pipelines of configs whose images are files begin with one of these transforms.
"""
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
    """mmcv's LoadImageFromFile with a one-sentence error for an image that cannot be decoded, and a limit of its size.

    The image's size is read before it is decoded, because OpenCV would expand a file of a few bytes to gigabytes. The arguments
    are those of mmcv's LoadImageFromFile, without `file_client_args`, the old name of `backend_args`.

    Raises:
        DatasetError: the image is missing, damaged, or has more than `2 * PIL.Image.MAX_IMAGE_PIXELS` pixels.
    """

    def transform(self, results: dict) -> dict | None:
        """Load the image.

        Args:
            results (dict): with `img_path`.

        Returns:
            dict or None: `results` with `img` (H, W, 3), uint8, or float32 with `to_float32`, and `img_shape` and `ori_shape`,
            both (H, W); None if the image cannot be read and `ignore_empty` is True.
        """
        try:
            image = read_picture(results['img_path'], self.color_type, backend=self.imdecode_backend,
                                 backend_args=self.backend_args)
        except DatasetError:
            if self.ignore_empty:
                return None
            raise
        results['img'] = self._as_configured(image)
        results['img_shape'] = results['ori_shape'] = image.shape[:2]
        return results

    def decode(self, content: bytes, path: str) -> np.ndarray:
        """Decode the content of a file, which a caller has read and checked already, as `transform` decodes the file.

        Args:
            content (bytes): the content.
            path (str): the path of the file, for the error message.

        Raises:
            DatasetError: the image is damaged.
        """
        return self._as_configured(decode_picture(content, path, self.color_type, backend=self.imdecode_backend))

    def _as_configured(self, image: np.ndarray) -> np.ndarray:
        return image.astype(np.float32) if self.to_float32 else image


def read_picture(path: str, flag: str = 'color', channel_order: str = 'bgr', backend: str | None = 'cv2',
                 backend_args: dict | None = None) -> np.ndarray:
    """Read and decode an image as mmcv does.

    Args:
        path (str): a path, or a URL that mmengine's file backends can read.
        flag (str): 'color', 'grayscale' or another flag of :func:`mmcv.imread`. Default: 'color'.
        channel_order (str): 'bgr' or 'rgb'. Default: 'bgr'.
        backend (str, optional): mmcv's decoder; None for mmcv's current one. Default: 'cv2'.
        backend_args (dict, optional): arguments of mmengine's file backend. Default: None.

    Returns:
        np.ndarray: (H, W, 3), uint8, for 'color'; other flags as in mmcv.

    Raises:
        DatasetError: the image is missing, damaged or too large.
    """
    try:
        content = picture_bytes(str(path), backend_args)
    except DatasetError as error:
        raise DatasetError(f'picture {in_a_line(str(path))} cannot be read (it {error})') from None
    return decode_picture(content, path, flag, channel_order, backend)


def decode_picture(content: bytes, path: str, flag: str = 'color', channel_order: str = 'bgr',
                   backend: str | None = 'cv2') -> np.ndarray:
    """Decode the content of an image file as mmcv does; :func:`.image_checks.opened` must have accepted its header.

    Args:
        content (bytes): the content.
        path (str): where it was read, for the error message.
        flag, channel_order, backend: as in :func:`read_picture`.

    Returns:
        np.ndarray: as :func:`read_picture` returns it.

    Raises:
        DatasetError: the image is damaged.
    """
    try:
        image = mmcv.imfrombytes(content, flag, channel_order, backend)
    except Exception:  # each decoder raises its own types
        image = None
    if image is None or not image.size:
        raise DatasetError(f'picture {in_a_line(str(path))} cannot be read (it is damaged, or in a format that {backend} '
                           'does not decode)')
    return image


def picture_in_memory(info: dict) -> np.ndarray:
    """Return the image of a data info that holds one, as those of CIFAR do.

    Args:
        info (dict): with `img`, (H, W, 3), and, if its channels are not RGB, with `channel_order`, 'bgr'.

    Returns:
        np.ndarray: (H, W, 3), RGB.
    """
    return np.ascontiguousarray(info['img'][..., ::-1]) if info.get('channel_order') == 'bgr' else info['img']


class SkipUnusable:
    """Mixin for a loading transform: log a file that cannot be used and return None, so that the data set picks another.

    A few bad files among many do not end a training. Place this class before the transform in the list of bases.

    Attributes:
        NEVER_SKIPPED (type or tuple): errors that are raised and never skipped.

    Raises:
        DatasetError: 100 files in a row failed, which means that the data set as a whole cannot be used, or the error is one of
            `NEVER_SKIPPED`.
    """

    NEVER_SKIPPED: type[DatasetError] | tuple = ()

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._said: set[str] = set()
        self._in_a_row = 0

    def load(self, results: dict) -> dict:
        """Load without skipping: raise DatasetError for a file that cannot be used."""
        return super().transform(results)

    def transform(self, results: dict) -> dict | None:
        """Load, or log the error and return None."""
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
    """Load images for training: log one that cannot be decoded, and have the data set pick another sample.

    Each loading process logs an image once. Data sets make cheap checks of their images when they start; this transform
    catches the damage that only decoding reveals. The arguments are those of :class:`LoadImage`.

    Raises:
        DatasetError: 100 images in a row cannot be used.
    """
