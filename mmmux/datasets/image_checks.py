"""Finding out, without decoding it whole, whether a picture can be used."""
import contextlib
import functools
import os
import warnings
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import mmcv
from mmengine.fileio import get
from PIL import Image, UnidentifiedImageError

from mmmux.utils.errors import DatasetError

from .jpeg_header import ordinary_jpeg_size
from .regular_file import size_of_file

MOST_BYTES = 2**30  # of a file; as many as its most pixels take in 16 bits and three colours
MOST_PASSES = 20  # over the most pixels, by the scans of a progressive JPEG: programs write about ten scans
_EXIF_ORIENTATION = 0x0112
_JPEG_END = b'\xff\xd9'
_JPEG_SCAN = b'\xff\xda'
_HEAD, _TAIL = 4096, 64  # bytes
_DAMAGED = 'is truncated or damaged'


class UnknownFormatError(DatasetError):
    """A file is no picture, or in a format that Pillow does not know."""


def picture_size(path: str | Path) -> tuple[int, int]:
    """Read a picture's (width, height) in pixels, as the detector will see it (turned as its EXIF tag says).

    A JPEG that ends with its end marker is believed; any other picture is decoded, a JPEG at an eighth of its size.

    Raises:
        DatasetError: the file is missing, is no picture, is far too large, or is truncated or damaged. The message has the form
            'is missing'.
    """
    size = _check_file(path)
    try:
        with open(path, 'rb') as file:
            return _ordinary_size(file, size) or _size_by_pillow(file)
    except OSError:
        raise DatasetError(_DAMAGED) from None


def _ordinary_size(file: BinaryIO, size: int) -> tuple[int, int] | None:
    """The (width, height) of a whole JPEG without anything out of the ordinary; `size` in bytes."""
    head = file.read(_HEAD)
    found = ordinary_jpeg_size(head)
    if found is None or not _ends_as_jpeg(head if size <= _HEAD else _tail(file)):
        return None
    return found if found[0] * found[1] <= (Image.MAX_IMAGE_PIXELS or 0) else None


def _size_by_pillow(file: BinaryIO) -> tuple[int, int]:
    file.seek(0)
    with opened(file) as image:
        width, height = image.size
        # Pillow gives the size of a TIFF as it is after turning.
        turned = image.format != 'TIFF' and image.getexif().get(_EXIF_ORIENTATION, 1) in (5, 6, 7, 8) and \
            _turned_when_decoded(image.format)
        if image.format != 'JPEG' or not _ends_as_jpeg(_tail(file)):
            _decode(image)
    return (height, width) if turned else (width, height)


@functools.cache
def _turned_when_decoded(kind: str) -> bool:
    """Whether OpenCV turns pictures of a format as their EXIF tag says: a JPEG always, others depending on its version."""
    exif, file = Image.Exif(), BytesIO()
    exif[_EXIF_ORIENTATION] = 6
    try:
        Image.new('RGB', (1, 2)).save(file, kind, exif=exif.tobytes())
    except (KeyError, OSError, TypeError, ValueError):  # a format that Pillow does not write
        return False
    return mmcv.imfrombytes(file.getvalue()).shape[:2] == (1, 2)


def check_whole(file: BinaryIO) -> None:
    """Decode a picture to its end: some programs fill what a truncated one lacks with gray, and say nothing.

    Raises:
        DatasetError: as of :func:`picture_size`.
    """
    with opened(file) as image:
        _decode(image)


def _decode(image: Image.Image) -> None:
    width, height = image.size
    image.draft('RGB', (max(1, width // 8), max(1, height // 8)))
    image.load()


def picture_bytes(path: str, backend_args: dict | None = None) -> bytes:
    """Read a picture's file, from wherever mmengine can, if it may be decoded.

    Raises:
        DatasetError: as :func:`picture_size`, as far as the beginning of the file tells. The message has the form 'is missing'.
    """
    if '://' not in str(path) and not backend_args:
        _check_file(path)
    try:
        data = get(path, backend_args=backend_args)
    except Exception as error:  # every kind of server has its own
        raise DatasetError(f'cannot be read ({type(error).__name__})') from None
    with opened(BytesIO(data)):
        return data


@contextlib.contextmanager
def opened(source: str | Path | BinaryIO) -> Iterator[Image.Image]:
    """A picture of which only the beginning has been read; what Pillow finds wrong with it, also later, becomes a sentence.

    Raises:
        DatasetError: it is no picture, has more than `2 * PIL.Image.MAX_IMAGE_PIXELS` pixels, or is damaged.
    """
    try:
        with _large_pictures_allowed(), Image.open(source) as image:
            if image.info.get('progressive'):
                _check_scans(image)
            yield image
    except DatasetError:
        raise
    except UnidentifiedImageError:
        raise UnknownFormatError('is not a picture') from None
    except Image.DecompressionBombError:
        raise DatasetError(f'has more than {2 * Image.MAX_IMAGE_PIXELS} pixels') from None
    except Exception:  # a damaged picture can make Pillow raise anything
        raise DatasetError(_DAMAGED) from None


def _check_file(path: str | Path) -> int:
    """The size in bytes of a file that may be read."""
    size = size_of_file(path)
    if size is None:
        raise DatasetError('is missing')
    if size > MOST_BYTES:
        raise DatasetError(f'is a file of more than {MOST_BYTES} bytes')
    return size


def _check_scans(image: Image.Image) -> None:
    # A scan may be of twenty bytes, and decoding still goes through all pixels for it.
    place = image.fp.tell()
    image.fp.seek(0)
    scans = image.fp.read().count(_JPEG_SCAN)
    image.fp.seek(place)
    if scans * image.width * image.height > MOST_PASSES * 2 * (Image.MAX_IMAGE_PIXELS or 0) > 0:
        raise DatasetError(f'is a progressive JPEG of {scans} scans, which would take minutes')


@contextlib.contextmanager
def _large_pictures_allowed():
    with warnings.catch_warnings():
        # Pillow warns of pictures that an aerial survey may well have; of twice that size, it refuses them.
        warnings.simplefilter('ignore')
        yield


def _tail(file: BinaryIO) -> bytes:
    place = file.tell()
    file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL))
    tail = file.read()
    file.seek(place)
    return tail


def _ends_as_jpeg(data: bytes) -> bool:
    return data[-_TAIL:].rstrip(b'\0\r\n ').endswith(_JPEG_END)
