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


@pytest.mark.slow
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


@pytest.mark.slow
def test_picture_that_the_split_file_lists_is_missing(seg, checked, found_in):
    seg.add('a')
    (seg.root / 'split.txt').write_text('a\nb\n')
    assert found_in(checked('mmseg', train=dataset(seg, ann_file='split.txt'))) == [
        ('unreadable pictures', 'train', 'b.jpg'), ('unreadable annotations', 'train', 'b.jpg')]


@pytest.mark.slow
def test_pictures_and_label_maps_that_are_not_read(seg, checked, found_in):
    for name, suffix in (('a', '.jpg'), ('b', '.png'), ('c', '.jpg')):
        seg.add(name, suffixes=(suffix, '.png'), size=(3, 2))
    seg.picture('c').unlink()
    report = checked('mmseg', train=dataset(seg))
    (finding, ) = report.findings
    assert (finding.kind, finding.count) == ('pictures that are not read', 1)
    assert_facts(finding.sentence, seg.picture('b').parent, "'b.png'", "img_suffix=('.jpg', '.png')")
    (note, ) = report.parts[0].notes
    assert_facts(note, seg.label_map('c').parent, '1 label maps', "'c.png'")
    assert found_in(checked('mmseg', train=dataset(seg, img_suffix=('.jpg', '.png')))) == []


@pytest.mark.parametrize('split', ['train', 'test'])
def test_masks_of_0_and_255(seg, checked, split):
    seg.add('a', [[0, 0, 255], [0, 0, 0]])
    report = checked('mmseg', **{split: dataset(seg, test_mode=split == 'test')})
    refused = [finding for finding in report.findings if finding.kind == 'sets that training or testing refuses']
    sentence = refused[0].sentence if refused else report.parts[0].notes[-1]
    assert_facts(sentence, seg.label_map('a').parent, "'sky'", '16.7 %', '255')
    assert_facts(report.parts[0].notes[0], '16.7 %', '255', '(1)')
