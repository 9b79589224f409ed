from pathlib import Path

import numpy as np
import pytest
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

    def test_pictures_to_predict_need_no_label_maps(self, seg):
        seg.add('a').unlink()
        assert names(seg.read(data_prefix=dict(img_path='images/training'), test_mode=True)) == ['a.jpg']


@pytest.mark.parametrize('test_mode', [False, True])
class TestNoPictures:

    def test_in_an_empty_folder(self, seg, kind, test_mode):
        with pytest.raises(DatasetError, match=rf'{seg.picture("a").parent} gives no picture.*holds no \*\.jpg'):
            read(seg, kind, test_mode=test_mode)

    def test_of_the_suffix(self, seg, kind, test_mode):
        seg.add('a', suffixes=('.png', '.png'))
        with pytest.raises(DatasetError, match=rf'{seg.picture("a").parent} gives no picture.*holds no \*\.jpg'):
            read(seg, kind, test_mode=test_mode)
        assert names(read(seg, kind, test_mode=test_mode, img_suffix='.png')) == ['a.png']

    def test_as_the_folder_is_missing(self, seg, kind, test_mode):
        with pytest.raises(DatasetError, match=rf'picture folder {seg.root}/nowhere does not exist.*data_root'):
            read(seg, kind, test_mode=test_mode, data_prefix=dict(img_path='nowhere', seg_map_path='nowhere'))

    def test_as_the_folder_is_a_file(self, seg, kind, test_mode):
        seg.add('a')
        with pytest.raises(DatasetError, match=r'a\.jpg does not exist'):
            read(seg, kind, test_mode=test_mode, data_prefix=dict(img_path='images/training/a.jpg', seg_map_path=''))

    def test_as_the_split_file_is_missing(self, seg, kind, test_mode):
        seg.add('a')
        with pytest.raises(DatasetError, match=rf'split file {seg.root}/nowhere\.txt does not exist'):
            read(seg, kind, test_mode=test_mode, ann_file='nowhere.txt')

    def test_as_the_split_file_is_empty(self, seg, kind, test_mode):
        seg.add('a')
        (seg.root / 'split.txt').touch()
        with pytest.raises(DatasetError, match=rf'{seg.root}/split\.txt lists none'):
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
        assert str(seg.picture('a').parent) in message and '2 pictures without label map (a.jpg, c.jpg)' in message
        assert len(dataset.left_out) == 2

    def test_testing_refuses_them(self, seg, kind):
        seg.add('a')
        seg.add('b').unlink()
        with pytest.raises(DatasetError, match=rf'{seg.label_map("b")} of b\.jpg is missing.*score'):
            read(seg, kind, test_mode=True)

    def test_nothing_else_is_refused(self, seg, kind):
        seg.add('a').unlink()
        with pytest.raises(DatasetError, match=r'no picture that can be used: 1 pictures without label map \(a\.jpg\)'):
            read(seg, kind)


@pytest.mark.parametrize('metainfo', [None, {}, dict(classes=())])
def test_classes_must_be_named(seg, metainfo):
    seg.add('a')
    with pytest.raises(ConfigError, match=rf'metainfo\.classes of the data set in {seg.picture("a").parent}'):
        seg.read(metainfo=metainfo)


def test_one_class_is_not_its_letters(seg):
    seg.add('a')
    with pytest.raises(ConfigError, match=r"metainfo\.classes must be a tuple .*got 'sky'"):
        seg.read(metainfo=dict(classes='sky'))


def test_training_needs_a_folder_of_label_maps(seg, kind):
    seg.add('a')
    with pytest.raises(ConfigError, match=r'data_prefix\.seg_map_path'):
        read(seg, kind, data_prefix=dict(img_path='images/training'))


def test_a_class_named_twice(seg):
    seg.add('a')
    with pytest.raises(ConfigError, match=r"twice: 'sky' in \(sky, road, sky\)"):
        seg.read(metainfo=dict(classes=('sky', 'road', 'sky')))


def test_palette_of_an_inherited_config_with_other_classes_is_dropped(seg):
    seg.add('a')
    inherited = [[1, 2, 3]] * 6
    assert len(seg.read(metainfo=dict(classes=('sky', 'road', 'tree'), palette=inherited)).metainfo['palette']) == 3
    own = [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
    assert seg.read(metainfo=dict(classes=('sky', 'road', 'tree'), palette=own)).metainfo['palette'] == own


class TestADE20K:

    @pytest.mark.parametrize('classes,words', [(('sky', 'pond'), "'pond', which ADE20KDataset does not know"),
                                               ('wall', "got 'wall'")])
    def test_other_classes_are_refused(self, seg, classes, words):
        seg.add('a')
        with pytest.raises(ConfigError, match=words):
            seg.read(type='mmmux.ADE20KDataset', metainfo=dict(classes=classes))

    def test_has_150_classes_that_count_from_one(self, seg):
        seg.add('a')
        dataset = seg.read(type='mmmux.ADE20KDataset', metainfo=None)
        assert len(dataset.metainfo['classes']) == len(dataset.metainfo['palette']) == 150
        assert dataset.metainfo['classes'][:3] == ('wall', 'building', 'sky') and dataset.metainfo['classes'][149] == 'flag'
        info = dataset.get_data_info(0)
        assert info['labels'] == 150 and info['reduce_zero_label'] and info['label_map'] is None

    def test_label_maps_hold_all_of_them_where_some_are_used(self, seg):
        seg.add('a')
        dataset = seg.read(type='mmmux.ADE20KDataset', metainfo=dict(classes=('sky', 'wall')))
        info = dataset.get_data_info(0)
        assert dataset.metainfo['classes'] == ('sky', 'wall') and info['labels'] == 150
        assert {old: new for old, new in info['label_map'].items() if new != 255} == {0: 1, 2: 0}


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
