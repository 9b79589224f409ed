from pathlib import Path

import pytest
from facts import assert_facts, raises

from mmmux.utils.errors import ConfigError, DatasetError

BCCD = Path(__file__).resolve().parents[3] / 'shared/data/bccd'


def names(dataset) -> list[str]:
    return [dataset.get_data_info(index)['img_id'] for index in range(len(dataset))]


def boxes(dataset, index: int = 0) -> list[list[float]]:
    return [instance['bbox'] for instance in dataset.get_data_info(index)['instances']]


def flags(dataset) -> list[int]:
    return [instance['ignore_flag'] for instance in dataset.get_data_info(0)['instances']]


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:path.stat().st_size // 2])


# Defects of a picture or its annotation, and the facts of the message: which of the two is bad, and how.
FLAWS = {
    'missing picture': (lambda voc: voc.picture('bad').unlink(), ('picture', 'missing')),
    'cut JPEG': (lambda voc: cut(voc.picture('bad')), ('picture', 'truncated')),
    'no bytes': (lambda voc: voc.picture('bad').write_bytes(b''), ('picture', 'not a picture')),
    'text named .jpg': (lambda voc: voc.picture('bad').write_text('404: not found'), ('picture', 'not a picture')),
    'missing XML': (lambda voc: voc.annotation('bad').unlink(), ('annotation', 'missing')),
    'malformed XML': (lambda voc: voc.annotation('bad').write_text('<annotation><object>'), ('annotation', )),
    'XML without bytes': (lambda voc: voc.annotation('bad').write_bytes(b''), ('annotation', )),
    'object without a box': (lambda voc: voc.annotation('bad').write_text(
        '<annotation><object><name>cell</name></object></annotation>'), ('annotation', )),
    'corner that is no number': (lambda voc: voc.annotation('bad').write_text(
        voc.annotation('bad').read_text().replace('>50<', '>nan<')), ('annotation', )),
}


@pytest.fixture(params=FLAWS.values(), ids=FLAWS)
def flawed(request, good):
    spoil, facts = request.param
    good.add('bad', ('cell', 10, 10, 50, 55))
    spoil(good)
    return good, facts


class TestFlawedPictures:

    def test_training_leaves_them_out_and_names_them_once(self, flawed, log):
        voc, facts = flawed
        dataset = voc.read()
        assert names(dataset) == ['good']
        (warning, ) = log.messages
        assert_facts(warning, voc.split, '1', '(bad)', *facts)

    def test_testing_refuses_them(self, flawed):
        voc, facts = flawed
        with raises(DatasetError, 'bad', voc.split, 'score', *facts):
            voc.read(test_mode=True)

    def test_nothing_else_is_refused(self, flawed):
        voc, facts = flawed
        voc.split.write_text('bad\n')
        with raises(DatasetError, voc.split, '1', '(bad)', *facts):
            voc.read()


def test_one_warning_counts_every_reason(good, log):
    for number in range(7):
        good.add(f'gone{number}', ('cell', 1, 1, 9, 9)).unlink()
    good.add('flat', ('cell', 5, 5, 5, 20), ('cell', 5, 5, 20, 5), ('dot', 1, 1, 30, 30))
    assert names(good.read()) == ['good', 'flat']
    (warning, ) = log.messages
    # Seven names would be a long line; the first ones are enough to find the rest.
    assert_facts(warning, '7', '(gone0, gone1, gone2, gone3, gone4, ...)', '2 boxes', 'area', '(flat)')


def test_nothing_is_said_of_clean_data(good, log):
    good.read()
    assert not log.messages


class TestBoxes:

    @pytest.mark.parametrize('corners', [(20, 20, 20, 40), (20, 20, 40, 20), (40, 40, 20, 20), (20, 20, 20 + 1e-7, 40)])
    def test_without_area_are_left_out(self, voc, corners):
        voc.add('a', ('cell', *corners), ('cell', 11, 11, 31, 41))
        assert boxes(voc.read()) == boxes(voc.read(test_mode=True)) == [[10, 10, 30, 40]]

    @pytest.mark.parametrize('corners', [(81, 1, 120, 30), (1, 61, 30, 90), (-30, 5, 1, 20), (500, 500, 600, 600)])
    def test_outside_the_picture_are_left_out(self, voc, corners, log):
        voc.add('a', ('cell', *corners), ('cell', 11, 11, 31, 41))
        assert boxes(voc.read()) == [[10, 10, 30, 40]]
        (warning, ) = log.messages
        assert_facts(warning, '1 boxes', 'outside', '(a)')

    def test_that_stick_out_are_cut_at_the_border(self, voc):
        voc.add('a', ('cell', -20, -5, 41, 31), ('cell', 41, 31, 300, 200))
        assert boxes(voc.read()) == [[0, 0, 40, 30], [40, 30, 80, 60]]

    def test_fractions_are_kept(self, voc):
        voc.add('a', ('cell', 10.5, 10.25, 20.75, 20))
        assert boxes(voc.read()) == [[9.5, 9.25, 19.75, 19]]

    def test_difficult_and_tiny_ones_are_ignored_rather_than_background(self, voc):
        voc.add('a', ('cell', 1, 1, 30, 30, 1), ('cell', 1, 1, 4, 30), ('cell', 1, 1, 30, 30))
        dataset = voc.read(filter_cfg=dict(bbox_min_size=8))
        assert [instance['ignore_flag'] for instance in dataset.get_data_info(0)['instances']] == [1, 1, 0]


class TestDifficult:

    @pytest.mark.parametrize('written', ['', ' ', 'Unspecified', 'false', 'False', '0.0', 'no', '00'])
    def test_no(self, voc, written):
        voc.add('a', ('cell', 1, 1, 30, 30, written))
        for test_mode in (False, True):
            assert flags(voc.read(test_mode=test_mode)) == [0]

    @pytest.mark.parametrize('written', ['true', 'TRUE', '1.0', '1', ' 1 ', 'yes'])
    def test_yes(self, voc, written):
        voc.add('a', ('cell', 1, 1, 30, 30, written))
        for test_mode in (False, True):
            assert flags(voc.read(test_mode=test_mode)) == [1]

    @pytest.mark.parametrize('written', ['maybe', '2', '-1', 'nan'])
    def test_unreadable(self, good, log, written):
        good.add('bad', ('cell', 1, 1, 30, 30, written))
        with raises(DatasetError, 'bad', 'difficult', f"'{written}'", '0 or 1', good.split):
            good.read(test_mode=True)
        assert names(good.read()) == ['good']
        assert_facts(log.messages[-1], 'difficult', f"'{written}'", '(bad)')


@pytest.mark.parametrize('side,value', [('xmin', 'five'), ('ymax', 'inf')])
def test_unreadable_corner_is_named_with_its_value(good, side, value):
    good.add('bad', ('cell', 1, 1, 30, 30))
    text = good.annotation('bad').read_text()
    good.annotation('bad').write_text(text.replace(f'<{side}>{"1" if side == "xmin" else "30"}<', f'<{side}>{value}<'))
    with raises(DatasetError, 'bad', side, value):
        good.read(test_mode=True)


def test_summary_of_many_reasons_is_cut(good, log):
    for number in range(12):
        good.add(f'bad{number}', ('cell', 1, 1, 30, 30, f'maybe {number}'))
    assert names(good.read()) == ['good']
    assert_facts(log.messages[-1], "'maybe 9'", '2 further')
    assert "'maybe 10'" not in log.messages[-1]


class TestFiles:

    @pytest.mark.parametrize('extension', ['.bmp', '.tif', '.tiff', '.webp', '.PNG', '.JPEG', '.TIF'])
    def test_formats(self, voc, extension):
        path = voc.add('a', ('cell', 11, 11, 31, 41), extension=extension)
        pipeline = [dict(type='mmmux.LoadImage')]
        for test_mode in (False, True):
            dataset = voc.read(test_mode=test_mode, pipeline=pipeline)
            assert dataset.get_data_info(0)['img_path'] == str(path) and dataset[0]['img'].shape == (60, 80, 3)

    @pytest.mark.slow
    @pytest.mark.parametrize('suffix', ['.jpg', '.JPG', '.xml', '.webp'])
    def test_list_may_have_suffixes(self, voc, suffix, tmp_path):
        for name in ('a', 'bb'):
            voc.add(name, ('cell', 11, 11, 31, 41))
        voc.split.write_text(f'a{suffix}\nbb\n')
        assert names(voc.read(test_mode=True)) == ['a', 'bb']
        for written in ('a', f'a{suffix}'):
            (tmp_path / 'bad.txt').write_text(written)
            assert names(voc.read(leave_out=str(tmp_path / 'bad.txt'))) == ['bb']

    def test_name_that_ends_like_a_file(self, voc):
        path = voc.add('a.jpg', ('cell', 11, 11, 31, 41))
        assert path.name == 'a.jpg.jpg' and names(voc.read(test_mode=True)) == ['a.jpg']

    def test_folders(self, voc):
        for day in ('monday', 'sunday'):
            for folder in (voc.picture(day).parent, voc.annotation(day).parent):
                (folder / day).mkdir()
            voc.add(f'{day}/a', ('cell', 11, 11, 31, 41))
        assert names(voc.read(test_mode=True)) == ['monday/a', 'sunday/a']


class TestClasses:

    def test_unknown_one_is_named_with_its_file_and_the_known_ones(self, good):
        good.add('typo', ('cel', 1, 1, 20, 20))
        for test_mode in (False, True):
            with raises(ConfigError, 'typo.xml', "'cel'", 'metainfo.classes', 'cell, dot'):
                good.read(test_mode=test_mode)

    def test_ignored_ones_are_left_out_silently(self, good, log):
        good.add('other', ('dust', 1, 1, 20, 20), ('dot', 5, 5, 25, 25))
        dataset = good.read(ignored_classes=['dust'])
        assert boxes(dataset, 1) == [[4, 4, 24, 24]] and not log.messages

    def test_a_single_name_is_not_taken_for_its_letters(self, good):
        with raises(ConfigError, 'metainfo.classes', "'cell'", "('name',)"):
            good.read(metainfo=dict(classes='cell'))

    @pytest.mark.parametrize('classes', [(), None])
    def test_none_are_refused(self, good, classes):
        with raises(ConfigError, 'metainfo.classes', repr(classes)):
            good.read(metainfo=dict(classes=classes))

    def test_a_file_of_names_is_read_as_by_mmengine(self, good, tmp_path):
        file = tmp_path / 'classes.txt'
        file.write_text('dot\ncell\n')
        dataset = good.read(metainfo=dict(classes=str(file)))
        assert dataset.metainfo['classes'] == ('dot', 'cell')
        assert dataset.get_data_info(0)['instances'][0]['bbox_label'] == 1

    def test_voc_s_own_without_metainfo(self, voc):
        voc.add('a', ('tvmonitor', 1, 1, 20, 20))
        dataset = voc.read(metainfo=None)
        assert dataset.get_data_info(0)['instances'][0]['bbox_label'] == 19 and len(dataset.metainfo['palette']) == 20


class TestPicturesWithoutBoxes:

    def test_stay_unless_filtered(self, good, log):
        good.add('empty')
        assert names(good.read()) == ['good', 'empty']
        assert not log.messages

    def test_filtered_and_counted(self, good, log):
        good.add('empty')
        good.add('flat', ('cell', 5, 5, 5, 20))  # what remains of it is empty
        assert names(good.read(filter_cfg=dict(filter_empty_gt=True))) == ['good']
        assert_facts(log.messages[-1], '2', 'without boxes', '(empty, flat)')

    def test_never_filtered_in_testing(self, good):
        good.add('empty')
        assert names(good.read(test_mode=True)) == ['good', 'empty']


@pytest.mark.parametrize('size', [(31, 80), (80, 31)])
def test_pictures_smaller_than_the_network_takes(good, log, size):
    good.add('small', ('cell', 1, 1, 20, 20), size=size)
    assert names(good.read(filter_cfg=dict(min_size=32))) == ['good']
    (warning, ) = log.messages
    assert_facts(warning, '1', '32 pixels', '(small)')
    assert names(good.read(filter_cfg=dict(min_size=31))) == ['good', 'small']


class TestSplitFile:

    def test_missing(self, good):
        with raises(DatasetError, 'nowhere.txt', 'exist', 'data_root', 'ann_file'):
            good.read(ann_file='nowhere.txt')

    @pytest.mark.parametrize('text', ['', '\n \n'])
    @pytest.mark.parametrize('test_mode', [False, True])
    def test_empty(self, good, text, test_mode):
        good.split.write_text(text)
        with raises(DatasetError, good.split, 'empty'):
            good.read(test_mode=test_mode)

    def test_of_one_class_has_a_second_column(self, voc):
        # As VOC2007/ImageSets/Main/aeroplane_trainval.txt: contains it, does not, is difficult.
        for name in ('000005', '000007', '000009'):
            voc.add(name, ('cell', 1, 1, 20, 20))
        voc.split.write_text('000005 -1\n000007  1\n000009  0\n')
        assert names(voc.read()) == ['000005', '000007', '000009']

    def test_names_may_hold_spaces(self, voc):
        voc.add('Screen Shot 1', ('cell', 1, 1, 20, 20))
        voc.add('Screen Shot 2', ('cell', 1, 1, 20, 20))
        assert names(voc.read()) == ['Screen Shot 1', 'Screen Shot 2']


@pytest.mark.parametrize('extension', ['.png', '.jpeg', '.JPG'])
def test_other_extensions(voc, extension):
    path = voc.add('a', ('cell', 11, 11, 31, 41), extension=extension)
    info = voc.read(test_mode=True).get_data_info(0)
    assert (info['img_path'], info['width'], info['height']) == (str(path), 80, 60)


def test_equals_mmdets_reader_on_clean_data(tmp_path):
    """A drop-in: the same arguments give the same data infos."""
    from mmdet.datasets import VOCDataset as MMDetVOCDataset

    from mmmux.datasets import VOCDataset
    from mmmux.datasets.drawn_shapes import CLASSES, draw_data_set
    draw_data_set(tmp_path, train=8, test=1, size=96)
    arguments = dict(
        data_root=str(tmp_path), ann_file='VOC2007/ImageSets/Main/trainval.txt', data_prefix=dict(sub_data_root='VOC2007/'),
        metainfo=dict(classes=CLASSES), filter_cfg=dict(filter_empty_gt=True, min_size=32), pipeline=[])
    ours, theirs = VOCDataset(**arguments), MMDetVOCDataset(**arguments)
    assert len(ours) == len(theirs) == 8
    for index in range(8):
        assert ours.get_data_info(index) == theirs.get_data_info(index)


@pytest.mark.skipif(not BCCD.is_dir(), reason=f'{BCCD} is not here')
class TestBloodCells:

    def read(self, split: str, **changes):
        from mmmux.datasets import VOCDataset
        return VOCDataset(
            data_root=str(BCCD), ann_file=f'VOC2007/ImageSets/Main/{split}.txt', data_prefix=dict(sub_data_root='VOC2007/'),
            metainfo=dict(classes=('RBC', 'WBC', 'Platelets')), pipeline=[], **changes)

    def test_training_split_loses_its_two_boxes_without_area(self, log):
        dataset = self.read('trainval', filter_cfg=dict(filter_empty_gt=True, min_size=32))
        assert len(dataset) == 292
        assert dict(dataset.left_out.names) == {'boxes without area': ['BloodImage_00338', 'BloodImage_00343']}
        assert len(log.messages) == 1
        assert all(x1 < x2 and y1 < y2 for index in range(292) for x1, y1, x2, y2 in boxes(dataset, index))

    def test_test_split_is_whole(self, log):
        dataset = self.read('test', test_mode=True)
        assert len(dataset) == 72 and not len(dataset.left_out) and not log.messages
