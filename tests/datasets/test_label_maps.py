import struct
import warnings
import zlib

import numpy as np
import pytest
from facts import assert_facts, raises
from PIL import Image

from mmmux.utils.errors import ConfigError, DatasetError

OURS = [dict(type='mmmux.LoadImage'), dict(type='mmmux.LoadLabelMap')]
MMSEGS = [dict(type='LoadImageFromFile'), dict(type='mmseg.LoadAnnotations')]
SKIPPING = [dict(type='mmmux.LoadImage'), dict(type='mmmux.LoadLabelMapOrSkip')]
ADE20K = dict(type='mmmux.ADE20KDataset', metainfo=None)


def load(seg, **changes) -> np.ndarray:
    """The label map of the first picture."""
    return seg.read(**{'pipeline': OURS, 'test_mode': True, **changes})[0]['gt_seg_map']


def refused(seg, *facts: object, **changes) -> None:
    with raises(DatasetError, seg.label_map('a'), *facts):
        load(seg, **changes)


def deep(value: int) -> Image.Image:
    """A 16-bit label map with one pixel of this value."""
    return Image.fromarray(np.array([[0, 1], [value, 1]], np.uint16))


def palette(labels: np.ndarray) -> Image.Image:
    """An 8-bit (or, of few classes, 4-bit) PNG whose colours have nothing to do with the numbers."""
    image = Image.fromarray(labels, 'P')
    image.putpalette(np.random.default_rng(0).integers(0, 256, 3 * (int(labels.max()) + 1)).tolist())
    return image


def gray_png(labels: np.ndarray, bits: int) -> bytes:
    """A gray PNG of 1, 2, 4 or 8 bits a pixel, by the PNG specification."""
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))

    height, width = labels.shape
    rows = np.unpackbits(labels.astype(np.uint8)[..., None], axis=2)[..., -bits:].reshape(height, -1)
    rows = b''.join(b'\0' + np.packbits(row).tobytes() for row in rows)  # each begins with its filter
    header = struct.pack('>IIBBBBB', width, height, bits, 0, 0, 0, 0)
    return b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', header) + chunk(b'IDAT', zlib.compress(rows)) + chunk(b'IEND', b'')


def random_labels(numbers: int, seed: int = 0) -> np.ndarray:
    """Numbers from 0 on, and some ignored pixels."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, numbers, (40, 50))
    labels[rng.random(labels.shape) < 0.1] = 255
    labels.flat[:numbers] = range(numbers)
    return labels.astype(np.uint8)


class TestEqualsMMSeg:

    @pytest.mark.parametrize('reduce_zero_label', [False, True])
    @pytest.mark.parametrize('seed', range(3))
    def test_on_any_classes(self, seg, reduce_zero_label, seed):
        numbers = 7 + reduce_zero_label
        labels = random_labels(numbers, seed)
        seg.add('a', labels)
        common = dict(metainfo=dict(classes=tuple('abcdefg')), reduce_zero_label=reduce_zero_label)
        ours, theirs = load(seg, **common), load(seg, type='BaseSegDataset', pipeline=MMSEGS, **common)
        assert ours.dtype == theirs.dtype == np.uint8
        np.testing.assert_array_equal(ours, theirs)
        if reduce_zero_label:
            labels = np.where(np.isin(labels, (0, 255)), 255, labels - 1)
        np.testing.assert_array_equal(ours, labels)

    @pytest.mark.parametrize('classes', [None, ('wall', 'sky', 'flag'), ('flag', 'floor', 'wall')])
    @pytest.mark.parametrize('reduce_zero_label', [False, True])
    def test_on_ade20k_and_some_of_its_classes(self, seg, classes, reduce_zero_label):
        seg.add('a', random_labels(150 + reduce_zero_label))
        common = dict(metainfo=classes and dict(classes=classes), reduce_zero_label=reduce_zero_label)
        ours = load(seg, type='mmmux.ADE20KDataset', **common)
        np.testing.assert_array_equal(ours, load(seg, type='ADE20KDataset', pipeline=MMSEGS, **common))
        assert set(np.unique(ours)) == {*range(len(classes or range(150))), 255}

    def test_field_is_listed_as_mmseg_does(self, seg):
        seg.add('a')
        assert seg.read(pipeline=OURS)[0]['seg_fields'] == seg.read(pipeline=MMSEGS)[0]['seg_fields'] == ['gt_seg_map']


class TestKindsOfPNG:

    @pytest.mark.parametrize('numbers', [3, 150])
    def test_palette_is_read_as_numbers(self, seg, numbers):
        labels = np.random.default_rng(0).integers(0, numbers, (40, 50), dtype=np.uint8)
        seg.add('a', palette(labels))
        seg.add('b', labels)
        dataset = seg.read(pipeline=OURS, **(ADE20K if numbers == 150 else {}), reduce_zero_label=False)
        assert Image.open(seg.label_map('a')).mode == 'P' and Image.open(seg.label_map('b')).mode == 'L'
        for index in range(2):
            np.testing.assert_array_equal(dataset[index]['gt_seg_map'], labels)

    @pytest.mark.parametrize('bits', [1, 2, 4, 8])
    def test_gray_of_few_bits(self, seg, bits):
        """As programs that make PNGs small write them, and as Pillow does not: it stretches 2 and 4 bits to 8."""
        labels = np.random.default_rng(0).integers(0, min(2**bits, 150), (40, 50))
        seg.add('a', labels.astype(np.uint8))
        seg.label_map('a').write_bytes(gray_png(labels, bits))
        np.testing.assert_array_equal(load(seg, **ADE20K, reduce_zero_label=False), labels)

    def test_sixteen_bits(self, seg):
        labels = random_labels(3)
        seg.add('a', Image.fromarray(labels.astype(np.uint16)))
        assert Image.open(seg.label_map('a')).mode == 'I;16'
        np.testing.assert_array_equal(load(seg), labels)


class TestValues:

    @pytest.mark.parametrize('value', [3, 4, 254])
    def test_beyond_the_classes(self, seg, value):
        seg.add('a', [[0, 1, 2], [value, 255, value]])
        refused(seg, f'value {value}', '2 pixels', '3 classes', '0 to 2', 'reduce_zero_label')

    @pytest.mark.parametrize('value', [4, 5, 254])
    def test_beyond_the_classes_that_count_from_one(self, seg, value):
        seg.add('a', [[0, 1, 2], [3, 255, value]])
        refused(seg, f'value {value}', '1 pixels', '3 classes', '1 to 3', reduce_zero_label=True)

    @pytest.mark.parametrize('value', [256, 300, 511, 65535])
    def test_that_eight_bits_would_wrap_to_a_legal_one(self, seg, value):
        assert value % 256 in (*range(150), 255)
        seg.add('a', deep(value))
        refused(seg, f'value {value}', '1 pixels', '150 classes', '1 to 150', **ADE20K)

    def test_of_all_150_classes_are_counted_where_some_are_used(self, seg):
        seg.add('a', [[0, 1], [150, 3]])
        some = dict(ADE20K, metainfo=dict(classes=('sky', 'flag')))  # numbers 3 and 150, counted from 1
        assert load(seg, **some).tolist() == [[255, 255], [1, 0]]
        seg.add('a', [[0, 1], [151, 3]])
        refused(seg, 'value 151', '1 pixels', '150 classes', **some)


def test_a_picture_to_predict_has_none(seg):
    seg.add('a').unlink()
    results = seg.read(pipeline=OURS, data_prefix=dict(img_path='images/training'), test_mode=True)[0]
    assert results['img'].shape == (2, 3, 3) and 'gt_seg_map' not in results and not results['seg_fields']


def test_needs_a_data_set_that_passes_on_its_number_of_classes(seg):
    seg.add('a')
    with raises(ConfigError, 'LoadLabelMap', 'mmmux.SegDataset', 'mmmux.ADE20KDataset', 'mmmux.CityscapesDataset'):
        load(seg, type='BaseSegDataset')


@pytest.mark.parametrize('asked', [False, True])
def test_own_reduce_zero_label_must_be_that_of_the_data_set(seg, asked):
    seg.add('a')
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # mmseg warns that it will remove the argument
        pipeline = [OURS[0], dict(OURS[1], reduce_zero_label=asked)]
        assert load(seg, pipeline=pipeline, reduce_zero_label=asked)[0, 1] == 1 - asked
        with raises(ConfigError, f'reduce_zero_label={asked}', f'reduce_zero_label={not asked}'):
            load(seg, pipeline=pipeline, reduce_zero_label=not asked)


# Defects of a single label map, and the facts of the message besides its path.
FLAWS = {
    'colour': (lambda seg: seg.add('bad', Image.new('RGB', (3, 2))), ('3 channels', )),
    'size': (lambda seg: seg.add('bad', size=(5, 5)), ('3 x 2', '5 x 5')),
    'text': (lambda seg: seg.label_map('bad').write_text('404: not found'), ('not a picture', )),
    'cut': (lambda seg: seg.label_map('bad').write_bytes(seg.label_map('bad').read_bytes()[:45]), ('truncated', )),
    'gone': (lambda seg: seg.label_map('bad').unlink(), ('missing', )),
}


@pytest.fixture(params=FLAWS.values(), ids=FLAWS)
def flawed(request, seg):
    """A data set of a bad and a good label map; the bad one is spoiled after the data set has looked."""
    spoil, facts = request.param
    seg.add('bad')
    seg.add('good', [[2, 2, 2]])
    dataset = seg.read(pipeline=SKIPPING)
    spoil(seg)
    return dataset, facts


class TestOrSkip:

    def test_another_picture_is_drawn_and_the_bad_file_named_once(self, flawed, seg, log):
        dataset, facts = flawed
        for _ in range(20):
            assert dataset[0]['gt_seg_map'].tolist() == [[2, 2, 2]]
        (message, ) = log.messages
        assert_facts(message, seg.label_map('bad'), 'skipped', *facts)

    @pytest.mark.parametrize('value', [3, 254])
    def test_a_value_beyond_the_classes_is_never_skipped(self, seg, value):
        seg.add('bad', [[0, value]])
        seg.add('good')
        with raises(DatasetError, 'bad.png', f'value {value}'):
            seg.read(pipeline=SKIPPING)[0]

    def test_a_hundred_in_a_row_end_the_run(self, seg, log):
        seg.add('bad', Image.new('RGB', (3, 2)))
        with raises(DatasetError, '100 pictures', 'bad.png', '3 channels'):
            seg.read(pipeline=SKIPPING)[0]
        assert len(log.messages) == 1
