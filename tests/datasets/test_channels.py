"""Images of 1 to 16 channels, written by other libraries."""
import cv2
import numpy as np
import pytest
from facts import raises
from PIL import Image

from mmmux.datasets import LoadChannels
from mmmux.datasets.channels import read_channels, viewable
from mmmux.utils.errors import ConfigError, DatasetError


def noise(channels: int, dtype=np.uint8) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 200, (20, 30, channels)).astype(dtype)


@pytest.mark.parametrize('channels', [1, 2, 3, 4, 10, 16])
@pytest.mark.parametrize('dtype', [np.uint8, np.uint16, np.float32, np.int16])
def test_arrays(tmp_path, channels, dtype):
    stored = noise(channels, dtype)
    np.save(tmp_path / 'a.npy', stored)
    read = read_channels(tmp_path / 'a.npy', channels)
    assert (read == stored).all() and read.dtype == (np.uint8 if dtype == np.uint8 else np.float32)


@pytest.mark.parametrize('channels', [2, 4, 10, 16])
@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_a_page_for_each_channel(tmp_path, channels, dtype):
    stored = noise(channels, dtype)
    assert cv2.imwritemulti(str(tmp_path / 'a.tif'), list(np.ascontiguousarray(stored.transpose(2, 0, 1))))
    assert (read_channels(tmp_path / 'a.tif', channels) == stored).all()
    seen = viewable(tmp_path / 'a.tif')
    assert seen.shape == (20, 30, 3) and seen.dtype == np.uint8


@pytest.mark.parametrize('pages,channels', [(3, 3), (4, 3), (2, 1)])
def test_pages_are_never_left_out(tmp_path, pages, channels):
    stored = noise(pages)
    assert cv2.imwritemulti(str(tmp_path / 'a.tif'), list(np.ascontiguousarray(stored.transpose(2, 0, 1))))
    if pages == channels:
        assert (read_channels(tmp_path / 'a.tif', channels) == stored).all()
    else:
        with raises(DatasetError, 'a.tif', f'(20, 30, {pages})', f'{channels} channels'):
            read_channels(tmp_path / 'a.tif', channels)


@pytest.mark.parametrize('channels', [5, 10])
@pytest.mark.parametrize('planar', ['contig', 'separate'])
def test_a_sample_for_each_channel(tmp_path, channels, planar):
    tifffile = pytest.importorskip('tifffile')
    stored = noise(channels, np.uint16)
    data = stored if planar == 'contig' else np.ascontiguousarray(stored.transpose(2, 0, 1))
    tifffile.imwrite(tmp_path / 'a.tif', data, photometric='minisblack', planarconfig=planar)
    assert (read_channels(tmp_path / 'a.tif', channels) == stored).all()


@pytest.mark.parametrize('suffix', ['png', 'tif', 'bmp'])
def test_gray(tmp_path, suffix):
    stored = noise(1)[..., 0]
    Image.fromarray(stored).save(tmp_path / f'a.{suffix}')
    read = read_channels(tmp_path / f'a.{suffix}', 1)
    assert read.shape == (20, 30, 1) and (read[..., 0] == stored).all()
    assert (read_channels(tmp_path / f'a.{suffix}', 3) == stored[..., None]).all()


def test_gray_of_16_bits(tmp_path):
    stored = noise(1, np.uint16)[..., 0] * 300
    Image.fromarray(stored).save(tmp_path / 'a.png')
    assert (read_channels(tmp_path / 'a.png', 1)[..., 0] == stored).all()


def test_colours_as_gray_and_with_alpha(tmp_path):
    stored = noise(4)
    Image.fromarray(stored[..., :3]).save(tmp_path / 'rgb.png')
    Image.fromarray(stored).save(tmp_path / 'rgba.png')
    expected = np.asarray(Image.fromarray(stored[..., :3]).convert('L')).astype(int)
    assert abs(read_channels(tmp_path / 'rgb.png', 1)[..., 0].astype(int) - expected).max() <= 1
    assert (read_channels(tmp_path / 'rgba.png', 4) == stored[..., [2, 1, 0, 3]]).all()
    assert (viewable(tmp_path / 'rgb.png') == stored[..., :3]).all()


def test_other_numbers_of_channels(tmp_path):
    np.save(tmp_path / 'a.npy', noise(5))
    with raises(DatasetError, tmp_path / 'a.npy', '(20, 30, 5)', 10):
        read_channels(tmp_path / 'a.npy', 10)
    Image.fromarray(noise(3)).save(tmp_path / 'a.png')
    with raises(DatasetError, tmp_path / 'a.png', 10):
        read_channels(tmp_path / 'a.png', 10)


def test_unusable_files(tmp_path):
    broken = dict(object=np.array([[{}]], object), vector=np.arange(3.), empty=np.zeros((0, 4, 2)), text=np.array([['a']]))
    for name, content in broken.items():
        np.save(tmp_path / f'{name}.npy', content, allow_pickle=True)
    (tmp_path / 'cut.npy').write_bytes((tmp_path / 'vector.npy').read_bytes()[:40])
    (tmp_path / 'bytes.npy').write_bytes(b'no array')
    (tmp_path / 'bytes.tif').write_bytes(b'no picture')
    for name in (*(f'{name}.npy' for name in (*broken, 'cut', 'bytes', 'gone')), 'bytes.tif', 'gone.tif'):
        with raises(DatasetError, tmp_path / name):
            read_channels(tmp_path / name, 4)
    infinite = noise(2, np.float32)
    infinite[0, 0, 1] = np.nan
    np.save(tmp_path / 'nan.npy', infinite)
    with raises(DatasetError, tmp_path / 'nan.npy'):
        read_channels(tmp_path / 'nan.npy', 2)


def test_a_header_that_claims_more_values(tmp_path):
    """The file ends before the values that its header claims."""
    np.save(tmp_path / 'a.npy', noise(2))
    content = (tmp_path / 'a.npy').read_bytes().replace(b'(20, 30, 2)', b'(99999999,)')
    (tmp_path / 'a.npy').write_bytes(content)
    with raises(DatasetError, tmp_path / 'a.npy'):
        read_channels(tmp_path / 'a.npy', 2)


def test_transform(tmp_path):
    np.save(tmp_path / 'a.npy', noise(7))
    results = LoadChannels(channels=7)(dict(img_path=str(tmp_path / 'a.npy')))
    assert results['img'].shape == (20, 30, 7) and results['ori_shape'] == results['img_shape'] == (20, 30)
    assert LoadChannels(channels=6, ignore_empty=True)(dict(img_path=str(tmp_path / 'a.npy'))) is None


@pytest.mark.parametrize('channels', [0, 17, '3'])
def test_not_a_number_of_channels(channels):
    with raises(ConfigError, 'channels', channels):
        LoadChannels(channels=channels)
