import io

import numpy as np
import pytest
from hostile_readers import NOISE, saved
from PIL import Image

from mmmux.datasets.image_checks import opened
from mmmux.datasets.jpeg_header import ordinary_jpeg_size
from mmmux.utils.errors import DatasetError

PICTURE = Image.fromarray(NOISE)
ORDINARY = {'gray': saved(PICTURE.convert('L'), 'JPEG'), 'colour': saved(PICTURE, 'JPEG'),
         'comment': saved(PICTURE, 'JPEG', comment=b'by hand', subsampling=0)}


def exif() -> Image.Exif:
    tags = Image.Exif()
    tags[0x0112] = 6
    return tags


@pytest.mark.parametrize('kind', ORDINARY)
def test_size_of_an_ordinary_one(kind):
    assert ordinary_jpeg_size(ORDINARY[kind]) == PICTURE.size


@pytest.mark.parametrize('data', [
    saved(PICTURE, 'JPEG', exif=exif()), saved(PICTURE, 'JPEG', progressive=True), saved(PICTURE.convert('CMYK'), 'JPEG'),
    saved(PICTURE, 'JPEG', xmp=b'<x tiff:Orientation="6"/>'), saved(PICTURE, 'PNG'), b'', b'\xff\xd8'
], ids=['EXIF', 'progressive', 'CMYK', 'XMP', 'PNG', 'no bytes', 'two bytes'])
def test_others_are_left_to_pillow(data):
    assert ordinary_jpeg_size(data) is None


@pytest.mark.parametrize('kind', ORDINARY)
def test_of_no_damaged_header_it_says_anything_else_than_pillow(kind):
    whole, rng, read = ORDINARY[kind], np.random.default_rng(0), 0
    end = whole.index(b'\xff\xda') + 12  # of the header
    spoiled = [whole[:place] + bytes([value]) + whole[place + 1:]
               for place in range(end) for value in (0, 1, 255, int(rng.integers(256)))]
    shortened = [part for place in range(end) for part in (whole[:place], whole[:place] + whole[place + 1:])]
    for data in spoiled + shortened:
        found = ordinary_jpeg_size(data)
        if found is not None:
            try:
                with opened(io.BytesIO(data)) as image:
                    assert (image.format, image.size) == ('JPEG', found)
                    assert not image.getexif() and 'progressive' not in image.info
                    read += 1
            except DatasetError as error:
                pytest.fail(f'{found} of a file which {error}')
    assert read > end  # the function does not read the values in tables
