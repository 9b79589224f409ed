import warnings

import pytest
from facts import raises
from PIL import Image

from mmmux.datasets.image_checks import picture_size
from mmmux.utils.errors import DatasetError


@pytest.fixture
def jpeg(voc):
    return voc.add('a', size=(120, 90))


def test_every_cut_of_a_jpeg_is_found(jpeg):
    whole = jpeg.read_bytes()
    assert picture_size(jpeg) == (120, 90)
    for kept in (2, 100, len(whole) // 3, len(whole) * 2 // 3, len(whole) - 200, len(whole) - 2):
        jpeg.write_bytes(whole[:kept])
        with pytest.raises(DatasetError):
            picture_size(jpeg)


@pytest.mark.parametrize('padding', [b'\0' * 8, b'\r\n', b'maker note of a camera' * 20])
def test_bytes_after_the_end_of_a_jpeg_do_no_harm(jpeg, padding):
    jpeg.write_bytes(jpeg.read_bytes() + padding)
    assert picture_size(jpeg) == (120, 90)


def test_cut_png_is_found(voc):
    path = voc.add('a', extension='.png')
    path.write_bytes(path.read_bytes()[:path.stat().st_size // 2])
    with raises(DatasetError, 'truncated'):
        picture_size(path)


def test_large_pictures_pass_in_silence_and_absurd_ones_are_not_called_damage(jpeg, monkeypatch):
    monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', 60 * 90)
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        assert picture_size(jpeg) == (120, 90)
    monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', 50 * 90)
    with raises(DatasetError, '9000 pixels'):
        picture_size(jpeg)
