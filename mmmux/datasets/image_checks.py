"""Check image files: size, format, truncation and damage, with as little decoding as possible."""
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

MOST_BYTES = 2**30  # largest file that is read, in bytes: about the most pixels allowed, with 16 bits and three colours each
MOST_PASSES = 20  # most scans of a progressive JPEG that has the most pixels allowed; programs write about ten
_EXIF_ORIENTATION = 0x0112
_JPEG_END = b'\xff\xd9'
_JPEG_SCAN = b'\xff\xda'
_HEAD, _TAIL = 4096, 64  # bytes
_DAMAGED = 'is truncated or damaged'


class UnknownFormatError(DatasetError):
    """The file is not an image, or is an image in a format that Pillow does not know."""


def picture_size(path: str | Path) -> tuple[int, int]:
    """Return the (width, height) of an image in pixels, after the rotation that its EXIF tag asks for.

    A JPEG that ends with its end marker is taken as whole; any other image is decoded, a JPEG at an eighth of its size.

    Args:
        path (str or Path): the image file.

    Raises:
        DatasetError: the file is missing, is not an image, is too large, or is truncated or damaged. The message is a predicate
            without a subject, for example 'is missing'.
    """
    size = _check_file(path)
    try:
        with open(path, 'rb') as file:
            return _ordinary_size(file, size) or _size_by_pillow(file)
    except OSError:
        raise DatasetError(_DAMAGED) from None


def _ordinary_size(file: BinaryIO, size: int) -> tuple[int, int] | None:
    """Return the (width, height) in pixels of an ordinary JPEG that has its end marker, or None for any other file.

    Args:
        file (BinaryIO): the open file, at its beginning.
        size (int): size of the file in bytes.
    """
    head = file.read(_HEAD)
    found = ordinary_jpeg_size(head)
    if found is None or not _ends_as_jpeg(head if size <= _HEAD else _tail(file)):
        return None
    return found if found[0] * found[1] <= (Image.MAX_IMAGE_PIXELS or 0) else None


def _size_by_pillow(file: BinaryIO) -> tuple[int, int]:
    file.seek(0)
    with opened(file) as image:
        width, height = image.size
        # For a TIFF, Pillow reports the size after the rotation.
        turned = image.format != 'TIFF' and image.getexif().get(_EXIF_ORIENTATION, 1) in (5, 6, 7, 8) and \
            _turned_when_decoded(image.format)
        if image.format != 'JPEG' or not _ends_as_jpeg(_tail(file)):
            _decode(image)
    return (height, width) if turned else (width, height)


@functools.cache
def _turned_when_decoded(kind: str) -> bool:
    """Return whether OpenCV rotates images of a format by their EXIF tag: always for JPEG, by its version for others."""
    exif, file = Image.Exif(), BytesIO()
    exif[_EXIF_ORIENTATION] = 6
    try:
        Image.new('RGB', (1, 2)).save(file, kind, exif=exif.tobytes())
    except (KeyError, OSError, TypeError, ValueError):  # Pillow cannot write the format
        return False
    return mmcv.imfrombytes(file.getvalue()).shape[:2] == (1, 2)


def check_whole(file: BinaryIO) -> None:
    """Detect the truncation of an image that is decoded as well: some decoders fill a missing part with gray without an error.

    A JPEG that ends with its end marker and a PNG whose checksums are right are taken as whole; any other image is decoded, a
    JPEG at an eighth of its size.

    Args:
        file (BinaryIO): the open image file, at its beginning.

    Raises:
        DatasetError: the image is truncated, damaged or too large, or the file is not an image.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    if _ordinary_size(file, size):  # ten times as fast as Pillow, which would accept it too
        return
    file.seek(0)
    with opened(file) as image:
        check = _QUICK_CHECKS.get(image.format)
        if check and check(image, file):
            return
    file.seek(0)
    with opened(file) as image:
        _decode(image)


def _has_end_marker(jpeg: Image.Image, file: BinaryIO) -> bool:
    return _ends_as_jpeg(_tail(file))


def _has_right_checksums(png: Image.Image, file: BinaryIO) -> bool:
    """Return whether a PNG has all its chunks with right checksums; the image can then not be decoded any more."""
    try:
        png.verify()
    except Exception:  # Pillow raises errors of many types; decoding shows which damage matters
        return False
    return True


_QUICK_CHECKS = dict(JPEG=_has_end_marker, PNG=_has_right_checksums)  # by Pillow's name of the format


def _decode(image: Image.Image) -> None:
    width, height = image.size
    image.draft('RGB', (max(1, width // 8), max(1, height // 8)))
    image.load()


def picture_bytes(path: str, backend_args: dict | None = None) -> bytes:
    """Read the bytes of an image file, and check its header before anything is decoded.

    Args:
        path (str): a path, or a URL that mmengine's file backends can read.
        backend_args (dict, optional): arguments of mmengine's file backend. Default: None.

    Returns:
        bytes: the file's content.

    Raises:
        DatasetError: the file cannot be read, is not an image, or is too large; damage after the header is not detected. The
            message is a predicate without a subject, for example 'is missing'.
    """
    if '://' not in str(path) and not backend_args:
        _check_file(path)
    try:
        data = get(path, backend_args=backend_args)
    except Exception as error:  # each file backend raises its own types
        raise DatasetError(f'cannot be read ({type(error).__name__})') from None
    with opened(BytesIO(data)):
        return data


@contextlib.contextmanager
def opened(source: str | Path | BinaryIO) -> Iterator[Image.Image]:
    """Open an image with Pillow without decoding it, and convert errors inside the context to DatasetError.

    Args:
        source (str, Path or BinaryIO): the image file.

    Yields:
        Image: the image, not decoded yet.

    Raises:
        DatasetError: the file is not an image, is damaged, has more than `2 * PIL.Image.MAX_IMAGE_PIXELS` pixels, or is a
            progressive JPEG with too many scans.
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
    except Exception:  # a damaged image makes Pillow raise errors of many types
        raise DatasetError(_DAMAGED) from None


def _check_file(path: str | Path) -> int:
    """Return the size of a file in bytes; raise DatasetError if it is missing or larger than `MOST_BYTES`."""
    size = size_of_file(path)
    if size is None:
        raise DatasetError('is missing')
    if size > MOST_BYTES:
        raise DatasetError(f'is a file of more than {MOST_BYTES} bytes')
    return size


def _check_scans(image: Image.Image) -> None:
    # A scan can have as few as twenty bytes, but decoding it visits every pixel.
    place = image.fp.tell()
    image.fp.seek(0)
    scans = image.fp.read().count(_JPEG_SCAN)
    image.fp.seek(place)
    if scans * image.width * image.height > MOST_PASSES * 2 * (Image.MAX_IMAGE_PIXELS or 0) > 0:
        raise DatasetError(f'is a progressive JPEG of {scans} scans, which take minutes to decode')


@contextlib.contextmanager
def _large_pictures_allowed():
    with warnings.catch_warnings():
        # Pillow warns above MAX_IMAGE_PIXELS, a size that aerial images reach, and raises above twice that.
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
