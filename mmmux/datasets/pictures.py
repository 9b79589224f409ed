"""Finding out, without decoding it whole, whether a picture can be used."""
import contextlib
import warnings
from pathlib import Path
from typing import BinaryIO

from PIL import Image, UnidentifiedImageError

from mmmux.errors import DatasetError

_EXIF_ORIENTATION = 0x0112
_JPEG_END = b'\xff\xd9'
_TAIL = 64


class UnknownFormatError(DatasetError):
    """A file is no picture, or in a format that Pillow does not know."""


def picture_size(path: str | Path) -> tuple[int, int]:
    """Read a picture's (width, height) in pixels, as the detector will see it (turned as its EXIF tag says).

    A JPEG that ends with its end marker is believed; any other picture is decoded, a JPEG at an eighth of its size.

    Raises:
        DatasetError: the file is missing, is no picture, is far too large, or is truncated or damaged. The message has the form
            'is missing'.
    """
    with _sentences(), Image.open(path) as image:
        width, height = image.size
        turned = image.format == 'JPEG' and image.getexif().get(_EXIF_ORIENTATION, 1) >= 5
        if image.format != 'JPEG' or not _ends_as_jpeg(path):
            _decode(image)
    return (height, width) if turned else (width, height)


def check_whole(file: BinaryIO) -> None:
    """Decode a picture to its end: some programs fill what a truncated one lacks with gray, and say nothing.

    Raises:
        DatasetError: as of :func:`picture_size`.
    """
    with _sentences(), Image.open(file) as image:
        _decode(image)


def _decode(image: Image.Image) -> None:
    width, height = image.size
    image.draft('RGB', (max(1, width // 8), max(1, height // 8)))
    image.load()


@contextlib.contextmanager
def _sentences():
    try:
        with _large_pictures_allowed():
            yield
    except FileNotFoundError:
        raise DatasetError('is missing') from None
    except UnidentifiedImageError:
        raise UnknownFormatError('is not a picture') from None
    except Image.DecompressionBombError:
        raise DatasetError(f'has more than {2 * Image.MAX_IMAGE_PIXELS} pixels') from None
    except (OSError, SyntaxError, ValueError, EOFError):
        raise DatasetError('is truncated or damaged') from None


@contextlib.contextmanager
def _large_pictures_allowed():
    with warnings.catch_warnings():
        # Pillow warns of pictures that an aerial survey may well have; of twice that size, it refuses them.
        warnings.simplefilter('ignore', Image.DecompressionBombWarning)
        yield


def _ends_as_jpeg(path: str | Path) -> bool:
    with open(path, 'rb') as file:
        file.seek(0, 2)
        file.seek(max(0, file.tell() - _TAIL))
        return file.read().rstrip(b'\0\r\n ').endswith(_JPEG_END)
