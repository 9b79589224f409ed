"""Pictures of every kind are read or refused with a sentence, and none takes more memory or time than a large one may."""
import io
import os
import struct
import zlib

import numpy as np
import pytest
from facts import assert_facts
from hostile_readers import NOISE, READERS, saved
from limited_process import limited, outcome
from PIL import Image
from reliability_record import record

pytest.importorskip('mmcv')

NOISY = Image.fromarray(NOISE)
OTHER = dict(save_all=True, append_images=[Image.fromarray(255 - NOISE)])
PICTURES, LABEL_MAPS = READERS['pictures'].read, READERS['label maps'].read


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))


def png(width: int, height: int, bits: int = 8, colour: int = 0, before: bytes = b'', data: bytes | None = None) -> bytes:
    """A black PNG by the specification; colour 0 is gray, 2 RGB and 6 RGB with alpha."""
    row = 1 + (width * bits * {0: 1, 2: 3, 6: 4}[colour] + 7) // 8
    data = zlib.compress(bytes(row * height), 9) if data is None else data
    header = struct.pack('>IIBBBBB', width, height, bits, colour, 0, 0, 0)
    return b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', header) + before + chunk(b'IDAT', data) + chunk(b'IEND', b'')


def claiming(data: bytes, marker: bytes, skipped: int, size: bytes) -> bytes:
    """The same file with another size in its header."""
    place = data.index(marker) + skipped
    return data[:place] + size + data[place + len(size):]


def many_scans(width: int, height: int, scans: int) -> bytes:
    """A progressive JPEG whose last scan is repeated: a few hundred bytes each, and each a pass over all pixels."""
    whole = saved(Image.new('L', (width, height)), 'JPEG', progressive=True)
    last = whole[whole.rindex(b'\xff\xda'):-2]
    return whole[:-2] + last * scans + whole[-2:]


def many_frames() -> bytes:
    whole = saved(Image.new('P', (200, 200)), 'GIF')
    frame = whole[whole.index(b','):-1]
    return whole[:-1] + frame * 20000 + b';'


def bmp(width: int, height: int) -> bytes:
    return b'BM' + struct.pack('<IHHIIiiHHIIiiII', 54, 0, 0, 54, 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)


FINE = {
    '1x1 JPEG': lambda: saved(Image.new('RGB', (1, 1)), 'JPEG'),
    '1x1 PNG': lambda: saved(Image.new('L', (1, 1)), 'PNG'),
    '20000x1': lambda: saved(Image.new('RGB', (20000, 1)), 'JPEG'),
    '1x20000': lambda: saved(Image.new('RGB', (1, 20000)), 'PNG'),
    'CMYK JPEG': lambda: saved(NOISY.convert('CMYK'), 'JPEG'),
    'CMYK TIFF': lambda: saved(NOISY.convert('CMYK'), 'TIFF'),
    '16-bit gray': lambda: saved(Image.fromarray(NOISE[..., 0].astype(np.uint16) * 256), 'PNG'),
    '16-bit RGB': lambda: png(40, 30, bits=16, colour=2),
    '16-bit RGBA': lambda: png(40, 30, bits=16, colour=6),
    'one bit': lambda: saved(NOISY.convert('1'), 'PNG'),
    'palette': lambda: saved(NOISY.convert('P'), 'PNG'),
    'gray and alpha': lambda: saved(NOISY.convert('LA'), 'PNG'),
    'animated GIF': lambda: saved(NOISY.convert('P'), 'GIF', **OTHER),
    'animated WebP': lambda: saved(NOISY, 'WEBP', **OTHER),
    'animated PNG': lambda: saved(NOISY, 'PNG', **OTHER),
    'GIF of 20000 frames': many_frames,
    'TIFF of two pages': lambda: saved(NOISY, 'TIFF', **OTHER),
    'MPO, as phones write': lambda: saved(NOISY, 'MPO', **OTHER),
    'a PNG called .jpg': lambda: saved(NOISY, 'PNG'),
    'a BMP called .jpg': lambda: saved(NOISY, 'BMP'),
    'pixels behind the end': lambda: png(10, 10, data=zlib.compress(bytes(10**8), 9)),
    '169 million pixels': lambda: png(13000, 13000, bits=1),
}


def turned(tag: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = tag
    return exif


REFUSED = {
    'no bytes': (lambda: b'', 'not a picture'),
    'text': (lambda: b'404: not found', 'not a picture'),
    'a PNG of 50000x50000': (lambda: png(50000, 50000, data=b''), '178956970 pixels'),
    'a JPEG that claims 65500x65500': (lambda: claiming(saved(NOISY, 'JPEG'), b'\xff\xc0', 5, struct.pack('>HH', 65500, 65500)),
                                       '178956970 pixels'),
    'a GIF that claims 65535x65535': (lambda: claiming(saved(NOISY.convert('P'), 'GIF'), b'GIF', 6, b'\xff' * 4),
                                      '178956970 pixels'),
    'a WebP of 16383x16383': (lambda: claiming(saved(NOISY, 'WEBP'), b'\x9d\x01\x2a', 3, struct.pack('<HH', 16383, 16383)),
                              '178956970 pixels'),
    'a TIFF of 20000x20000': (lambda: saved(Image.new('1', (20000, 20000)), 'TIFF', compression='group4'),
                              '178956970 pixels'),
    'a BMP that claims 60000x60000': (lambda: bmp(60000, 60000), '178956970 pixels'),
    'a BMP that claims 13000x13000': (lambda: bmp(13000, 13000), 'damaged'),
    'a PPM that claims 60000x60000': (lambda: b'P6 60000 60000 255\n', '178956970 pixels'),
    'Radiance, which Pillow does not know': (lambda: b'#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 30000 +X 30000\n',
                                             'not a picture'),
    'a text of 100 megabytes': (lambda: png(40, 30, before=chunk(b'zTXt', b'a\0\0' + zlib.compress(bytes(10**8), 9))),
                                'damaged'),
    'a profile of 100 megabytes': (lambda: png(40, 30, before=chunk(b'iCCP', b'a\0\0' + zlib.compress(bytes(10**8), 9))),
                                   'damaged'),
    'a JPEG of 1000 scans': (lambda: many_scans(2000, 2000, 1000), 'progressive JPEG'),
    'floating point': (lambda: saved(NOISY.convert('F'), 'TIFF'), 'cv2'),
}


def read_size(path) -> str:
    from mmmux.datasets.image_checks import picture_size
    from mmmux.datasets.loading import read_picture
    height, width, _ = read_picture(path).shape
    return 'the same' if picture_size(path) == (width, height) else f'{picture_size(path)}, decoded {(width, height)}'


@pytest.mark.parametrize('kind', ['JPEG', 'PNG', 'WEBP', 'TIFF'])
@pytest.mark.parametrize('tag', range(10))
def test_turned_as_it_is_announced(kind, tag, tmp_path):
    (tmp_path / 'a.jpg').write_bytes(saved(NOISY, kind, exif=turned(tag)))
    assert limited(read_size, tmp_path / 'a.jpg') == 'the same'


@pytest.mark.slow
@pytest.mark.parametrize('case', FINE)
def test_decoded_to_three_channels_of_the_announced_size(case, tmp_path):
    (tmp_path / 'a.jpg').write_bytes(FINE[case]())
    assert limited(outcome, PICTURES, tmp_path / 'a.jpg') == 'a value'
    record('hostile input', f'picture: {case}', tried=1, lost=0, of='files')


@pytest.mark.parametrize('case', REFUSED)
def test_refused(case, tmp_path):
    make, fact = REFUSED[case]
    (tmp_path / 'a.jpg').write_bytes(make())
    assert_facts(limited(outcome, PICTURES, tmp_path / 'a.jpg'), tmp_path / 'a.jpg', fact)
    record('hostile input', f'picture: {case}', tried=1, lost=0, of='files')


def read_pipe(read, path) -> str:
    os.mkfifo(path)
    return outcome(read, path)


@pytest.mark.parametrize('name', READERS)
def test_pipes_are_not_waited_for(name, tmp_path):
    pytest.importorskip(READERS[name].needs)
    if name in ('checkpoints', 'pictures', 'label maps', 'VOC annotations', 'COCO annotations'):
        assert limited(read_pipe, READERS[name].read, tmp_path / READERS[name].name, seconds=30) != 'a value'


def test_a_larger_file_than_any_picture_is_not_read(tmp_path):
    with open(tmp_path / 'a.jpg', 'wb') as file:
        file.truncate(2**40)  # a hole, which takes no place on the disk
    assert_facts(limited(outcome, PICTURES, tmp_path / 'a.jpg'), tmp_path / 'a.jpg', '1073741824 bytes')


COLOURS = {
    'colour': lambda: saved(NOISY, 'PNG'),
    'gray and alpha': lambda: saved(NOISY.convert('LA'), 'PNG'),
    'floats': lambda: saved(NOISY.convert('F'), 'TIFF'),
    'numbers beyond the classes': lambda: saved(Image.fromarray(NOISE[..., 0].astype(np.uint16) + 300), 'PNG'),
    'negative numbers': lambda: saved(Image.fromarray(-1 - NOISE[..., 0].astype(np.int32)), 'TIFF'),
    'another size': lambda: saved(Image.new('L', (20000, 1)), 'PNG'),
    'a PNG of 50000x50000': lambda: png(50000, 50000, data=b''),
    '169 million pixels': lambda: png(13000, 13000, bits=1),
    'pixels that are missing': lambda: png(40, 30, data=zlib.compress(b'\0' * 10)),
}


@pytest.mark.parametrize('case', COLOURS)
def test_label_maps_refused(case, tmp_path):
    pytest.importorskip('mmseg')
    (tmp_path / 'label_map.png').write_bytes(COLOURS[case]())
    assert limited(outcome, LABEL_MAPS, tmp_path / 'label_map.png') != 'a value'
    record('hostile input', f'label map: {case}', tried=1, lost=0, of='files')


def test_animated_label_map_is_its_first_frame(tmp_path):
    pytest.importorskip('mmseg')
    buffer, labels = io.BytesIO(), NOISE[..., 0] % 3
    Image.fromarray(labels).save(buffer, 'PNG', save_all=True, append_images=[Image.fromarray(labels + 100)])
    (tmp_path / 'label_map.png').write_bytes(buffer.getvalue())
    assert limited(outcome, LABEL_MAPS, tmp_path / 'label_map.png') == 'a value'
