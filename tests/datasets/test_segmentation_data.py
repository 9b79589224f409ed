from pathlib import Path

import numpy as np
import pytest
from facts import assert_facts, raises
from PIL import Image

from mmmux.utils.errors import ConfigError, DatasetError

PREFIX = dict(img_path='leftImg8bit/train', seg_map_path='gtFine/train')


def infos(dataset) -> list[dict]:
    return [dataset.get_data_info(index) for index in range(len(dataset))]


def names(dataset) -> list[str]:
    return [Path(info['img_path']).name for info in infos(dataset)]


@pytest.fixture(params=['mmmux.SegDataset', 'mmmux.ADE20KDataset'])
def kind(request):
    return request.param


def read(seg, kind: str, **changes):
    return seg.read(**{'type': kind, **({} if kind == 'mmmux.SegDataset' else dict(metainfo=None)), **changes})


class TestCleanData:

    def test_pictures_and_label_maps_are_found(self, seg, log):
        for name in ('b', 'a'):
            seg.add(name)
        dataset = seg.read()
        assert [(info['img_path'], info['seg_map_path']) for info in infos(dataset)] == [
            (str(seg.picture(name)), str(seg.label_map(name))) for name in ('a', 'b')]
        assert not log.messages and not len(dataset.left_out)

    def test_infos_are_mmsegs_and_the_number_of_classes(self, seg):
        for name in ('a', 'b'):
            seg.add(name)
        theirs = infos(seg.read(type='BaseSegDataset', reduce_zero_label=True))
        assert infos(seg.read(reduce_zero_label=True)) == [dict(info, labels=3) for info in theirs]

    def test_classes_are_those_of_the_config(self, seg):
        seg.add('a')
        dataset = seg.read(metainfo=dict(classes=('x', 'y'), palette=[[1, 2, 3], [4, 5, 6]]))
        assert dataset.metainfo['classes'] == ('x', 'y') and dataset.metainfo['palette'] == [[1, 2, 3], [4, 5, 6]]
        assert dataset.get_data_info(0)['labels'] == 2

    def test_split_file_lists_the_pictures(self, seg):
        for name in ('a', 'b', 'c'):
            seg.add(name)
        (seg.root / 'split.txt').write_text('c\na\n')
        assert names(seg.read(ann_file='split.txt')) == ['c.jpg', 'a.jpg']


@pytest.mark.parametrize('test_mode', [False, True])
class TestNoPictures:

    def test_in_an_empty_folder(self, seg, kind, test_mode):
        with raises(DatasetError, seg.picture('a').parent, '*.jpg'):
            read(seg, kind, test_mode=test_mode)

    def test_of_the_suffix(self, seg, kind, test_mode):
        seg.add('a', suffixes=('.png', '.png'))
        with raises(DatasetError, seg.picture('a').parent, '*.jpg'):
            read(seg, kind, test_mode=test_mode)
        assert names(read(seg, kind, test_mode=test_mode, img_suffix='.png')) == ['a.png']

    def test_as_the_folder_is_missing(self, seg, kind, test_mode):
        with raises(DatasetError, seg.root / 'nowhere', 'exist', 'data_root', 'data_prefix'):
            read(seg, kind, test_mode=test_mode, data_prefix=dict(img_path='nowhere', seg_map_path='nowhere'))

    def test_as_the_folder_is_a_file(self, seg, kind, test_mode):
        seg.add('a')
        with raises(DatasetError, seg.picture('a'), 'exist', 'data_root', 'data_prefix'):
            read(seg, kind, test_mode=test_mode, data_prefix=dict(img_path='images/training/a.jpg', seg_map_path=''))

    def test_as_the_split_file_is_missing(self, seg, kind, test_mode):
        seg.add('a')
        with raises(DatasetError, seg.root / 'nowhere.txt', 'exist', 'ann_file'):
            read(seg, kind, test_mode=test_mode, ann_file='nowhere.txt')

    def test_as_the_split_file_is_empty(self, seg, kind, test_mode):
        seg.add('a')
        (seg.root / 'split.txt').touch()
        with raises(DatasetError, seg.root / 'split.txt', seg.picture('a').parent):
            read(seg, kind, test_mode=test_mode, ann_file='split.txt')


class TestMissingLabelMaps:

    def test_training_leaves_them_out_and_says_so_once(self, seg, kind, log):
        for name in ('a', 'b', 'c'):
            seg.add(name)
        for name in ('a', 'c'):
            seg.label_map(name).unlink()
        dataset = read(seg, kind)
        assert names(dataset) == ['b.jpg']
        (message, ) = log.messages
        assert_facts(message, seg.picture('a').parent, '2 pictures', 'label map', '(a.jpg, c.jpg)')
        assert len(dataset.left_out) == 2

    def test_testing_refuses_them(self, seg, kind):
        seg.add('a')
        seg.add('b').unlink()
        with raises(DatasetError, seg.label_map('b'), 'b.jpg', 'missing', 'score'):
            read(seg, kind, test_mode=True)

    def test_nothing_else_is_refused(self, seg, kind):
        seg.add('a').unlink()
        with raises(DatasetError, seg.picture('a').parent, '1 pictures', 'label map', '(a.jpg)'):
            read(seg, kind)


@pytest.mark.parametrize('metainfo', [None, {}, dict(classes=())])
def test_classes_must_be_named(seg, metainfo):
    seg.add('a')
    with raises(ConfigError, 'metainfo.classes', seg.picture('a').parent):
        seg.read(metainfo=metainfo)


def test_one_class_is_not_its_letters(seg):
    seg.add('a')
    with raises(ConfigError, 'metainfo.classes', 'tuple', "'sky'"):
        seg.read(metainfo=dict(classes='sky'))


def test_training_needs_a_folder_of_label_maps(seg, kind):
    seg.add('a')
    with raises(ConfigError, 'data_prefix.seg_map_path', seg.picture('a').parent):
        read(seg, kind, data_prefix=dict(img_path='images/training'))


def test_a_class_named_twice(seg):
    seg.add('a')
    with raises(ConfigError, 'metainfo.classes', "'sky'", '(sky, road, sky)', 'twice'):
        seg.read(metainfo=dict(classes=('sky', 'road', 'sky')))


def test_palette_of_an_inherited_config_with_other_classes_is_dropped(seg):
    seg.add('a')
    inherited = [[1, 2, 3]] * 6
    assert len(seg.read(metainfo=dict(classes=('sky', 'road', 'tree'), palette=inherited)).metainfo['palette']) == 3
    own = [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
    assert seg.read(metainfo=dict(classes=('sky', 'road', 'tree'), palette=own)).metainfo['palette'] == own


class TestADE20K:

    @pytest.mark.parametrize('classes,facts', [(('sky', 'pond'), ("'pond'", 'ADE20KDataset', 'mmmux.SegDataset')),
                                               ('wall', ("'wall'", 'tuple'))])
    def test_other_classes_are_refused(self, seg, classes, facts):
        seg.add('a')
        with raises(ConfigError, 'metainfo.classes', *facts):
            seg.read(type='mmmux.ADE20KDataset', metainfo=dict(classes=classes))

    def test_has_150_classes_that_count_from_one(self, seg):
        seg.add('a')
        dataset = seg.read(type='mmmux.ADE20KDataset', metainfo=None)
        assert len(dataset.metainfo['classes']) == len(dataset.metainfo['palette']) == 150
        assert dataset.metainfo['classes'][:3] == ('wall', 'building', 'sky') and dataset.metainfo['classes'][149] == 'flag'
        info = dataset.get_data_info(0)
        assert info['labels'] == 150 and info['reduce_zero_label'] and info['label_map'] is None


def test_cityscapes(tmp_path):
    from mmmux.datasets import CityscapesDataset
    stem = 'aachen/aachen_000000_000019'
    picture = tmp_path / f'leftImg8bit/train/{stem}_leftImg8bit.png'
    label_map = tmp_path / f'gtFine/train/{stem}_gtFine_labelTrainIds.png'
    for path, shape in ((picture, (4, 6, 3)), (label_map, (4, 6)), (label_map.with_name('aachen_gtFine_labelIds.png'), (4, 6))):
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full(shape, 18, np.uint8)).save(path)
    dataset = CityscapesDataset(data_root=str(tmp_path), data_prefix=PREFIX, test_mode=True, pipeline=[
        dict(type='mmmux.LoadImage'), dict(type='mmmux.LoadLabelMap')])
    (info, ) = infos(dataset)
    assert (info['img_path'], info['seg_map_path'], info['labels']) == (str(picture), str(label_map), 19)
    assert dataset.metainfo['classes'][18] == 'bicycle' and (dataset[0]['gt_seg_map'] == 18).all()


class TestSecondSuffix:

    @pytest.fixture
    def mixed(self, seg):
        for name, suffix in (('a', '.jpg'), ('b', '.png'), ('c', '.JPG'), ('d', '.jpg')):
            seg.add(name, suffixes=(suffix, '.png'))
        return seg

    def test_training_says_what_is_not_read_and_how_to_read_it(self, mixed, kind, log):
        assert names(read(mixed, kind)) == ['a.jpg', 'd.jpg']
        (message, ) = log.messages
        assert_facts(message, mixed.picture('a').parent, '2 pictures', '*.jpg', "img_suffix=('.jpg', '.png', '.JPG')",
                     '(b.png, c.JPG)')

    def test_testing_refuses(self, mixed, kind):
        with raises(DatasetError, mixed.picture('a').parent, '2 pictures', "img_suffix=('.jpg', '.png', '.JPG')", 'score'):
            read(mixed, kind, test_mode=True)

    @pytest.mark.parametrize('test_mode', [False, True])
    def test_several_are_read(self, mixed, kind, test_mode, log):
        dataset = read(mixed, kind, test_mode=test_mode, img_suffix=['.jpg', '.png', '.JPG'])
        assert names(dataset) == ['a.jpg', 'b.png', 'c.JPG', 'd.jpg'] and not log.messages
        assert [info['seg_map_path'] for info in infos(dataset)] == [str(mixed.label_map(name)) for name in 'abcd']

    def test_split_file_without_suffixes(self, mixed):
        (mixed.root / 'split.txt').write_text('c\na\nb\n')
        dataset = mixed.read(ann_file='split.txt', img_suffix=('.jpg', '.png', '.JPG'), test_mode=True)
        assert names(dataset) == ['c.JPG', 'a.jpg', 'b.png']

    def test_two_pictures_of_one_label_map(self, mixed):
        mixed.add('a', suffixes=('.png', '.png'))
        with raises(DatasetError, mixed.picture('a'), mixed.picture('a', '.png'), mixed.label_map('a')):
            mixed.read(img_suffix=('.jpg', '.png'))

    @pytest.mark.parametrize('pictures,labels', [('all', 'all'), ('all', 'all/labels'), ('all/pictures', 'all')])
    def test_label_maps_beside_or_below_the_pictures_are_none(self, seg, log, pictures, labels):
        seg.prefix = dict(img_path=pictures, seg_map_path=labels)
        for folder in (pictures, labels):
            (seg.root / folder).mkdir(parents=True, exist_ok=True)
        seg.add('a')
        assert names(seg.read(test_mode=True)) == ['a.jpg'] and not log.messages


@pytest.mark.parametrize('test_mode', [False, True])
def test_label_maps_without_picture_are_said(seg, log, test_mode):
    for name in ('a', 'b', 'c'):
        seg.add(name)
    seg.picture('b').unlink()
    assert names(seg.read(test_mode=test_mode)) == ['a.jpg', 'c.jpg']
    (message, ) = log.messages
    assert_facts(message, seg.label_map('b').parent, '1 label maps', seg.picture('b').parent, '(b.png)')


class TestIgnoredPixels:
    """Of masks of 0 and 255, a model that knows one class would be perfect."""

    @pytest.fixture(params=[False, True])
    def test_mode(self, request):
        return request.param

    def masks(self, seg, *values: int, count: int = 3) -> None:
        for name in range(count):
            seg.add(str(name), [[values[number % len(values)] for number in range(4)]])

    def test_masks_of_0_and_255(self, seg, test_mode):
        self.masks(seg, 0, 0, 255, 0)
        with raises(DatasetError, seg.label_map('0').parent, "'no'", '25.0 %', '255', "1 and not 255 for 'yes'"):
            seg.read(test_mode=test_mode, metainfo=dict(classes=('no', 'yes')))

    def test_counted_from_one(self, seg, test_mode):
        self.masks(seg, 1, 255)
        with raises(DatasetError, "'no'", '50.0 %', 'reduce_zero_label', "2 and not 255 for 'yes'"):
            seg.read(test_mode=test_mode, metainfo=dict(classes=('no', 'yes')), reduce_zero_label=True)

    @pytest.mark.parametrize('values,reduce', [((255, ), False), ((0, 255), True)])
    def test_nothing_but_ignored_pixels(self, seg, test_mode, values, reduce):
        self.masks(seg, *values)
        with raises(DatasetError, seg.label_map('0').parent, '100.0 %', '255', 'no pixel'):
            seg.read(test_mode=test_mode, reduce_zero_label=reduce)

    @pytest.mark.parametrize('values', [(0, 1), (0, ), (0, 1, 255), (7, 255)])
    def test_others_are_taken(self, seg, test_mode, values):
        self.masks(seg, *values)
        assert len(seg.read(test_mode=test_mode, metainfo=dict(classes=('no', 'yes')))) == 3

    def test_class_in_the_last_label_map(self, seg, test_mode):
        self.masks(seg, 0, 255)
        seg.add('9', [[1, 255]])
        assert len(seg.read(test_mode=test_mode, metainfo=dict(classes=('no', 'yes')))) == 4

    def test_of_many_a_part_is_read_and_the_result_is_a_warning(self, seg, monkeypatch, log):
        monkeypatch.setattr('mmmux.datasets.ignored_pixels._MOST_READ', 2)
        self.masks(seg, 0, 255)
        assert len(seg.read(metainfo=dict(classes=('no', 'yes')))) == 3
        assert_facts(log.messages[-1], '2 of 3', "'no'", '50.0 %')
