"""A check decodes each picture once, and finds the damage that decoders pass over."""
from io import BytesIO

import mmcv
import numpy as np
import pytest
from PIL import Image, ImageFile

from mmmux.analysis.dataset_check.decoding import Decoder, digest_of_pixels
from mmmux.analysis.dataset_check.findings import Reading
from mmmux.datasets.loading import LoadImage, LoadImageOrSkip


@pytest.fixture
def path(tmp_path):
    return tmp_path / 'picture'


def saved(path, kind: str, **options) -> bytes:
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (60, 80, 3), dtype=np.uint8)).save(path, kind, **options)
    return path.read_bytes()


def read(path, loader=None) -> tuple[np.ndarray | None, Reading]:
    reading = Reading('picture')
    return Decoder([loader] if loader else []).decode(dict(img_path=str(path)), reading), reading


@pytest.mark.parametrize('loader', [None, LoadImage(), LoadImageOrSkip(), LoadImage(to_float32=True),
                                    LoadImage(color_type='grayscale'), mmcv.transforms.LoadImageFromFile()],
                         ids=['default', 'ours', 'ours in training', 'float', 'gray', "mmcv's"])
@pytest.mark.parametrize('kind', ['JPEG', 'PNG'])
def test_pictures_are_those_of_the_pipeline(path, kind, loader):
    saved(path, kind)
    image, reading = read(path, loader)
    expected = (loader or LoadImage()).transform(dict(img_path=str(path)))['img']
    assert not reading.problems and image.dtype == expected.dtype and np.array_equal(image, expected)
    assert reading.pixels == digest_of_pixels(expected)


@pytest.mark.parametrize('kind', ['JPEG', 'PNG'])
def test_a_good_picture_is_decoded_once(path, kind, monkeypatch):
    decoded, decode = [], mmcv.imfrombytes
    monkeypatch.setattr(mmcv, 'imfrombytes', lambda content, *rest: decoded.append('mmcv') or decode(content, *rest))
    saved(path, kind)
    load = ImageFile.ImageFile.load
    monkeypatch.setattr(ImageFile.ImageFile, 'load', lambda self: decoded.append('Pillow') or load(self))
    image, reading = read(path)
    assert image is not None and not reading.problems and decoded == ['mmcv']


@pytest.mark.parametrize('kept', [0.3, 0.6, 0.95])
@pytest.mark.parametrize('kind,options', [('JPEG', {}), ('JPEG', dict(progressive=True)), ('PNG', {}), ('BMP', {})])
def test_a_cut_is_found(path, kind, options, kept):
    content = saved(path, kind, **options)
    path.write_bytes(content[:int(kept * len(content))])
    image, reading = read(path)
    assert image is None and len(reading.problems) == 1


def test_a_changed_byte_of_a_png_is_found(path):
    content = bytearray(saved(path, 'PNG'))
    content[len(content) // 2] ^= 0xff
    path.write_bytes(content)
    image, reading = read(path)
    assert image is None and len(reading.problems) == 1


def test_a_wrong_checksum_that_no_decoder_minds_is_no_finding(path):
    content = saved(path, 'PNG')
    end = content.rindex(b'IEND') - 4
    path.write_bytes(content[:end] + b'\0\0\0\4tEXta\0bc' + b'\0' * 4 + content[end:])
    decodes = True
    try:
        Image.open(BytesIO(path.read_bytes())).load()
    except Exception:
        decodes = False
    image, reading = read(path)
    assert (image is not None and not reading.problems) == decodes
