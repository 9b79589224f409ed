"""Decode an image as the pipeline of its data set does, and compute digests to find duplicates, for all layouts."""
import hashlib
from collections.abc import Iterable
from io import BytesIO

import numpy as np
from mmcv.transforms import LoadImageFromFile
from mmengine.fileio import get

from mmmux.datasets.image_checks import MOST_BYTES, UnknownFormatError, check_whole
from mmmux.datasets.loading import LoadImage, LoadImageOrSkip, SkipUnusable
from mmmux.utils.errors import DatasetError

from .findings import UNREADABLE_PICTURE, Reading


class Decoder:
    """Decode images with the loading transform of a pipeline; an image that cannot be read is recorded and not skipped.

    Args:
        transforms (Iterable): the pipeline; if it has no loading transform, :class:`mmmux.datasets.LoadImage` is used.
    """

    def __init__(self, transforms: Iterable):
        loader = next((transform for transform in transforms if isinstance(transform, LoadImageFromFile)), None) or LoadImage()
        self._load = loader.load if isinstance(loader, SkipUnusable) else loader.transform
        # These would read and check the file once more; a subclass may read something else.
        self._from_content = loader.decode if type(loader) in (LoadImage, LoadImageOrSkip) else None
        self._backend_args = loader.backend_args

    def decode(self, info: dict, reading: Reading) -> np.ndarray | None:
        """Decode an image and record its digests.

        Args:
            info (dict): the data set's data info, with `img_path`, or with `img` if the data set holds the images in memory.
            reading (Reading): receives the digests, or the problem.

        Returns:
            np.ndarray or None: (H, W, C) or (H, W); None if the image cannot be read.
        """
        try:
            image = np.asarray(info['img']) if 'img' in info else self._decode_file(info, reading)
        except DatasetError as error:
            reading.add(UNREADABLE_PICTURE, f'picture {error}')
            return None
        reading.pixels = digest_of_pixels(image)
        return image

    def _decode_file(self, info: dict, reading: Reading) -> np.ndarray:
        path = info['img_path']
        try:
            content = get(path, backend_args=self._backend_args)
        except FileNotFoundError:
            raise DatasetError('is missing') from None
        except OSError as error:
            raise DatasetError(f'cannot be read ({error.strerror or error})') from None
        reading.file = hashlib.sha256(content).digest()
        unknown = None
        try:
            check_whole(BytesIO(content))
        except UnknownFormatError as error:  # unknown to Pillow, but the pipeline may use another decoder
            unknown = error
        try:
            if self._from_content and unknown is None and len(content) <= MOST_BYTES:
                return self._from_content(content, path)
            loaded = self._load(dict(info))
        except Exception as error:  # the transforms of each package raise their own types
            raise unknown or DatasetError(f'cannot be decoded ({type(error).__name__}: {str(error).strip()})') from None
        if loaded is None or loaded.get('img') is None:
            raise unknown or DatasetError('cannot be decoded')
        return loaded['img']


def digest_of_pixels(image: np.ndarray) -> bytes:
    """Return the SHA-256 of an image's shape, type and values; a copy that was saved again without loss has the same digest."""
    digest = hashlib.sha256(repr((image.shape, image.dtype.str)).encode())
    digest.update(np.ascontiguousarray(image))
    return digest.digest()
