import json

import pytest
from facts import assert_facts, raises

from mmmux.utils.errors import ConfigError, DatasetError

CLASSES = ('cell', 'dot')


@pytest.fixture
def annotations():
    """Three pictures: two boxes of classes with numbers that have a gap, nothing, and one box in a picture that is small."""
    return dict(
        images=[dict(id=10, file_name='a.jpg', width=80, height=60), dict(id=11, file_name='b.jpg', width=80, height=60),
                dict(id=12, file_name='c.jpg', width=80, height=20)],
        annotations=[dict(id=1, image_id=10, category_id=1, bbox=[5, 6, 20, 10], area=200, iscrowd=0),
                     dict(id=2, image_id=10, category_id=7, bbox=[30, 10, 40, 40], area=1600, iscrowd=0),
                     dict(id=3, image_id=12, category_id=7, bbox=[1, 1, 10, 10], area=100, iscrowd=0)],
        categories=[dict(id=1, name='cell'), dict(id=7, name='dot')])


@pytest.fixture
def read(tmp_path, annotations):
    """The data set, as a config builds it, from the annotations or from the text given."""
    def read(text=None, **changes):
        from mmdet.registry import DATASETS
        (tmp_path / 'all.json').write_text(json.dumps(annotations) if text is None else text)
        return DATASETS.build({
            'type': 'mmmux.CocoDataset', 'data_root': str(tmp_path), 'ann_file': 'all.json',
            'data_prefix': dict(img='pictures/'), 'metainfo': dict(classes=CLASSES), 'pipeline': [], **changes})

    return read


def test_same_as_mmdets(read, tmp_path):
    from mmdet.datasets import CocoDataset as MMDetCocoDataset
    ours = read()
    theirs = MMDetCocoDataset(data_root=str(tmp_path), ann_file='all.json', data_prefix=dict(img='pictures/'),
                              metainfo=dict(classes=CLASSES), pipeline=[])
    assert len(ours) == len(theirs) == 3 and ours.cat2label == theirs.cat2label == {1: 0, 7: 1}
    assert all(ours.get_data_info(index) == theirs.get_data_info(index) for index in range(3))
    assert ours.get_data_info(0)['instances'][0]['bbox'] == [5, 6, 25, 16]


def test_training_counts_what_it_leaves_out(read, log):
    dataset = read(filter_cfg=dict(filter_empty_gt=True, min_size=32))
    assert [dataset.get_data_info(index)['img_id'] for index in range(len(dataset))] == [10]
    (warning, ) = log.messages
    assert_facts(warning, '1 pictures', '(b.jpg)', '32 pixels', '(c.jpg)')


def test_picture_whose_every_box_is_dropped_counts_as_one_without(read, annotations):
    for annotation in annotations['annotations']:
        annotation['bbox'] = [5, 6, 0, 10]
    with raises(DatasetError, 'all.json', '3 pictures', '(a.jpg, b.jpg, c.jpg)'):
        read(filter_cfg=dict(filter_empty_gt=True))


def test_testing_leaves_out_nothing(read, log):
    assert len(read(test_mode=True, filter_cfg=dict(filter_empty_gt=True, min_size=32))) == 3 and not log.messages


def test_no_pictures(read, annotations):
    annotations['images'] = annotations['annotations'] = []
    with raises(DatasetError, 'all.json', 'no pictures'):
        read()


@pytest.mark.parametrize('classes,facts', [
    (('cell', 'spot'), ("'spot'", 'cell, dot')),
    (('dot', 'cell'), ("('dot', 'cell')", "('cell', 'dot')")),
])
def test_classes_that_do_not_fit_the_file(read, classes, facts):
    with raises(ConfigError, 'all.json', 'metainfo.classes', *facts):
        read(metainfo=dict(classes=classes))


def test_some_of_the_classes(read):
    dataset = read(metainfo=dict(classes=('dot', )))
    assert [instance['bbox_label'] for instance in dataset.get_data_info(0)['instances']] == [0]


def test_missing_file(read):
    with raises(DatasetError, 'nowhere.json', 'exist', 'data_root', 'ann_file'):
        read(ann_file='nowhere.json')


class TestWhatToolsLeaveOut:

    @pytest.mark.parametrize('fields', [('iscrowd', ), ('area', ), ('id', ), ('iscrowd', 'area', 'id')])
    @pytest.mark.parametrize('test_mode', [False, True])
    def test_changes_nothing(self, read, annotations, fields, test_mode):
        complete = read(test_mode=test_mode)
        for field in fields:
            for number, annotation in enumerate(annotations['annotations']):
                annotation[field] = None
                if number:
                    del annotation[field]
        dataset = read(test_mode=test_mode)
        assert [dataset.get_data_info(index) for index in range(3)] == [complete.get_data_info(index) for index in range(3)]

    @pytest.mark.parametrize('numbers', [(0, 1, 2), (None, 5, 5)])
    def test_ids_are_numbered_anew(self, read, annotations, numbers):
        for annotation, number in zip(annotations['annotations'], numbers):
            annotation['id'] = number
        assert len(read().get_data_info(0)['instances']) == 2

    def test_box_without_size_has_no_area(self, read, annotations):
        annotations['annotations'][0].update(bbox=[5, 6, 20, 0], area=None)
        assert len(read().get_data_info(0)['instances']) == 1


class TestNamesakes:

    @pytest.mark.parametrize('place', [0, 2])
    def test_category_without_annotations_is_ignored(self, read, annotations, place):
        annotations['categories'].insert(place, dict(id=0, name='cell', supercategory='none'))
        dataset = read()
        assert dataset.cat2label == {1: 0, 7: 1}
        assert [instance['bbox_label'] for instance in dataset.get_data_info(0)['instances']] == [0, 1]

    def test_no_annotation_at_all(self, read, annotations):
        annotations['categories'].insert(0, dict(id=0, name='dot'))
        annotations['annotations'] = []
        assert read(test_mode=True).cat2label == {1: 0, 7: 1}

    def test_two_with_annotations_are_refused(self, read, annotations):
        annotations['categories'].append(dict(id=9, name='cell'))
        annotations['annotations'][2]['category_id'] = 9
        with raises(DatasetError, 'all.json', "'cell'", '1, 9'):
            read()


def test_category_without_annotations(read, annotations):
    annotations['categories'].append(dict(id=9, name='dust'))
    dataset = read(metainfo=dict(classes=(*CLASSES, 'dust')), filter_cfg=dict(filter_empty_gt=True))
    assert dataset.cat2label == {1: 0, 7: 1, 9: 2} and len(dataset) == 2
