"""Read images of 1 to 16 channels: gray pictures, multispectral TIFF files and numpy arrays."""
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path

import cv2
import mmcv
import numpy as np
from mmcv.transforms import LoadImageFromFile
from mmengine.fileio import get
from PIL import Image

from mmmux.registry import TRANSFORMS
from mmmux.utils.errors import ConfigError, DatasetError, in_a_line

from .image_checks import MOST_BYTES
from .loading import SkipUnusable, read_picture
from .regular_file import size_of_file

MOST_CHANNELS = 16
_TIFF = ('.tif', '.tiff')
_PICTURE_FLAGS = {1: cv2.IMREAD_GRAYSCALE | cv2.IMREAD_ANYDEPTH, 3: cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH}


def read_channels(path: str | Path, channels: int, backend_args: dict | None = None) -> np.ndarray:
    """Read an image with a given number of channels.

    With 1 channel, a colour picture is converted to gray; with 3, a gray picture gets three equal channels. Other numbers are
    read from the files that hold as many: 4 from PNG and TIFF, any number from .npy files (H, W, C) and from TIFF files with
    one page or one sample for each channel; the package tifffile reads the latter beyond 4 samples.

    Args:
        path (str or Path): the file.
        channels (int): number of channels, 1 to 16.
        backend_args (dict, optional): arguments of mmengine's file backend. Default: None.

    Returns:
        np.ndarray: (H, W, channels), uint8, or float32 for files of any other numbers. The channels of an ordinary picture are
        BGR.

    Raises:
        DatasetError: the file is missing or damaged, has another number of channels, or holds NaN or infinity.
    """
    suffix = Path(path).suffix.lower()
    if suffix == '.npy':
        image = _array(path, backend_args)
    elif suffix in _TIFF and (channels not in _PICTURE_FLAGS or _pages(path, backend_args) > 1):
        image = _tiff(path, channels, backend_args)
    else:
        image = read_picture(str(path), _PICTURE_FLAGS.get(channels, cv2.IMREAD_UNCHANGED), backend_args=backend_args)
    image = image[..., None] if image.ndim == 2 else image
    if image.ndim != 3 or image.shape[2] != channels or not image.size:
        raise DatasetError(f'{in_a_line(str(path))} has the shape {image.shape}, and {channels} channels, (H, W, {channels}), '
                           'are expected: correct the file, or channels of the transform that reads it')
    if image.dtype != np.uint8:
        image = image.astype(np.float32)
        if not np.isfinite(image).all():
            raise DatasetError(f'{in_a_line(str(path))} holds NaN or infinite values: replace them, e.g. by 0')
    return image


def viewable(path: str | Path) -> np.ndarray:
    """Read an image of any number of channels as one to look at.

    Args:
        path (str or Path): the file.

    Returns:
        np.ndarray: (H, W, 3), uint8, RGB. Of an array or a TIFF file with other than 8-bit colours, the first three channels,
        or the first one alone if there are two, are scaled to 0 to 255.

    Raises:
        DatasetError: the file cannot be read.
    """
    if Path(path).suffix.lower() == '.npy':
        return _scaled(_array(path, None))
    try:
        return read_picture(str(path), channel_order='rgb')
    except DatasetError:
        if Path(path).suffix.lower() not in _TIFF or size_of_file(path) is None:
            raise
        return _scaled(_tiff(path, None, None))


def _scaled(image: np.ndarray) -> np.ndarray:
    image = image[..., None] if image.ndim == 2 else image
    image = image[..., :3] if image.shape[2] >= 3 else image[..., :1].repeat(3, 2)
    if image.dtype == np.uint8:
        return np.ascontiguousarray(image)
    low, high = (float(value) for value in np.nanpercentile(image, (1, 99)))
    return np.clip((image - low) / max(high - low, 1e-9) * 255, 0, 255).astype(np.uint8)


def _content(path: str | Path, backend_args: dict | None) -> bytes:
    if '://' not in str(path) and not backend_args:
        size = size_of_file(path)
        if size is None or size > MOST_BYTES:
            why = 'is missing' if size is None else f'has more than {MOST_BYTES} bytes'
            raise DatasetError(f'picture {in_a_line(str(path))} cannot be read (it {why})')
    return get(str(path), backend_args=backend_args)


def _array(path: str | Path, backend_args: dict | None) -> np.ndarray:
    content = _content(path, backend_args)
    try:
        image = np.load(BytesIO(content), allow_pickle=False)
    except (ValueError, OSError, EOFError, MemoryError, SyntaxError) as error:
        raise DatasetError(f'{in_a_line(str(path))} is not an array file of numpy ({in_a_line(str(error))})') from None
    if image.dtype.kind not in 'buif' or image.ndim not in (2, 3) or not image.size:
        raise DatasetError(f'{in_a_line(str(path))} holds {image.dtype} values of the shape {image.shape}, and must hold '
                           'numbers of the shape (H, W) or (H, W, C)')
    return image


def _pages(path: str | Path, backend_args: dict | None) -> int:
    try:
        with Image.open(BytesIO(_content(path, backend_args))) as image:
            return getattr(image, 'n_frames', 1)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):  # the reader raises the error that explains it
        return 1


def _tiff(path: str | Path, channels: int | None, backend_args: dict | None) -> np.ndarray:
    """Return (H, W, C): of several gray pages, each is a channel."""
    content = _content(path, backend_args)
    try:
        _, pages = cv2.imdecodemulti(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:  # more samples than OpenCV reads
        pages = []
    if len(pages) > 1 and all(page.shape == pages[0].shape and page.ndim == 2 for page in pages):
        return np.stack(pages, 2)
    if pages and channels in (None, 1 if pages[0].ndim == 2 else pages[0].shape[2]):
        return pages[0]
    if find_spec('tifffile') is None:
        raise DatasetError(f'{in_a_line(str(path))} is a TIFF file that OpenCV does not read with {channels or "its"} '
                           'channels: pip install tifffile, or convert it to .npy')
    try:
        image = mmcv.imfrombytes(content, backend='tifffile')
    except Exception as error:  # a damaged file makes tifffile raise errors of many types
        raise DatasetError(f'picture {in_a_line(str(path))} cannot be read ({in_a_line(str(error))})') from None
    # Samples can be stored plane by plane.
    first = image.ndim == 3 and (image.shape[0] == channels if channels else image.shape[0] < image.shape[2])
    return np.moveaxis(image, 0, 2) if first and image.shape[2] != channels else image


@TRANSFORMS.register_module()
class LoadChannels(LoadImageFromFile):
    """Load an image with any number of channels from 1 to 16; see :func:`read_channels` for the files.

    Args:
        channels (int): number of channels.
        **kwargs: `backend_args` and `ignore_empty` of mmcv's LoadImageFromFile.

    Raises:
        ConfigError: `channels` is not a number from 1 to 16.
        DatasetError: an image cannot be read, or has another number of channels.
    """

    def __init__(self, channels: int, **kwargs):
        if not isinstance(channels, int) or not 1 <= channels <= MOST_CHANNELS:
            raise ConfigError(f'channels of {type(self).__name__} must be a number from 1 to {MOST_CHANNELS}, got {channels!r}')
        super().__init__(**kwargs)
        self.channels = channels

    def transform(self, results: dict) -> dict | None:
        """Load the image.

        Args:
            results (dict): with `img_path`.

        Returns:
            dict or None: `results` with `img` (H, W, channels), uint8 or float32, and `img_shape` and `ori_shape`, both (H, W);
            None if the image cannot be read and `ignore_empty` is True.
        """
        try:
            image = read_channels(results['img_path'], self.channels, self.backend_args)
        except DatasetError:
            if self.ignore_empty:
                return None
            raise
        results['img'] = image
        results['img_shape'] = results['ori_shape'] = image.shape[:2]
        return results


@TRANSFORMS.register_module()
class LoadChannelsOrSkip(SkipUnusable, LoadChannels):
    """Load images for training: log one that cannot be read, and have the data set pick another sample.

    The arguments are those of :class:`LoadChannels`.

    Raises:
        DatasetError: 100 images in a row cannot be used.
    """
