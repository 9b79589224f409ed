import numpy as np
import pytest
from facts import assert_facts
from PIL import Image


def dataset(seg, **changes) -> dict:
    return {'type': 'mmmux.SegDataset', 'data_root': str(seg.root), 'data_prefix': seg.prefix,
            'pipeline': [dict(type='mmmux.LoadImageOrSkip'), dict(type='mmmux.LoadLabelMapOrSkip')],
            'metainfo': dict(classes=('sky', 'road', 'tree')), **changes}


def test_pixels_and_pictures_are_counted_as_training_numbers_them(seg, checked, found_in):
    seg.add('a', [[0, 1, 2], [3, 3, 255]])
    report = checked('mmseg', train=dataset(seg, reduce_zero_label=True))
    assert found_in(report) == [] and report.parts[0].counts.tolist() == [[1, 1, 1], [1, 1, 2]]


def test_of_ade20k_some_classes_are_used(seg, checked, found_in):
    seg.add('a', [[0, 1, 3], [3, 150, 2]])  # wall is 1, building 2, sky 3, flag 150
    report = checked('mmseg', train=dataset(seg, type='mmmux.ADE20KDataset', metainfo=dict(classes=('sky', 'wall'))))
    assert found_in(report) == [] and report.parts[0].counts.tolist() == [[1, 1], [2, 1]]


FLAWS = {
    'missing': (lambda path: path.unlink(), 'unreadable annotations'),
    'no bytes': (lambda path: path.write_bytes(b''), 'unreadable annotations'),
    'in colour': (lambda path: Image.new('RGB', (3, 2)).save(path), 'unreadable annotations'),
    'another size': (lambda path: Image.new('L', (2, 3)).save(path), 'size mismatches'),
    'a number beyond': (lambda path: Image.new('L', (3, 2), 3).save(path), 'unknown classes'),
}


@pytest.mark.parametrize('spoil,kind', FLAWS.values(), ids=FLAWS)
@pytest.mark.parametrize('test_mode', [False, True])
def test_label_map_that_cannot_be_used(seg, checked, found_in, spoil, kind, test_mode):
    seg.add('a')
    seg.add('bad', size=(3, 2))
    # Pictures of equal size have equal noise: write another picture, which is no duplicate.
    Image.fromarray(np.full((2, 3, 3), 9, np.uint8)).save(seg.picture('bad'))
    spoil(seg.label_map('bad'))
    report = checked('mmseg', **{'test' if test_mode else 'train': dataset(seg, test_mode=test_mode)})
    assert found_in(report) == [(kind, 'test' if test_mode else 'train', 'bad.jpg')]
    if test_mode and kind == 'unreadable annotations' and not seg.label_map('bad').exists():
        assert_facts(report.parts[0].notes[0], seg.label_map('bad'))


def test_picture_that_the_split_file_lists_is_missing(seg, checked, found_in):
    seg.add('a')
    (seg.root / 'split.txt').write_text('a\nb\n')
    assert found_in(checked('mmseg', train=dataset(seg, ann_file='split.txt'))) == [
        ('unreadable pictures', 'train', 'b.jpg'), ('unreadable annotations', 'train', 'b.jpg')]
