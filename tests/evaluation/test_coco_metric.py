import copy
import json

import pytest
import torch
from facts import raises
from mmengine.evaluator import Evaluator
from mmengine.registry import init_default_scope

from mmmux.evaluation.careful_metrics import with_careful_metrics
from mmmux.utils.errors import DatasetError

CLASSES = ('cell', 'dot', 'dust')
# Two pictures of 80 x 60 pixels: a cell and a dot, and a dot; no dust.
BOXES = {10: [(0, 5, 6, 20, 10), (1, 30, 10, 40, 40)], 11: [(1, 10, 10, 20, 30)]}
FOUND = {10: [(0, 5, 6, 20, 10, .9), (1, 30, 10, 30, 40, .8)], 11: [(1, 40, 10, 20, 30, .7), (1, 10, 10, 20, 30, .6)]}


def samples(ids=('monday/a.jpg', 'sunday/a.jpg'), detected=FOUND) -> list[dict]:
    """As a detector gives them to its metrics, with the boxes that the pipeline has loaded."""
    def instances(rows, length: int) -> dict:
        rows = torch.tensor(list(rows), dtype=torch.float).reshape(-1, length)
        corners = torch.cat([rows[:, 1:3], rows[:, 1:3] + rows[:, 3:5]], 1)
        return dict(labels=rows[:, 0].long(), bboxes=corners, scores=rows[:, 5:].flatten())
    return [dict(img_id=number, img_path=path, ori_shape=(60, 80), gt_instances=instances(BOXES[number], 5),
                 ignored_instances=instances([], 5), pred_instances=instances(detected.get(number, []), 6))
            for number, path in zip(BOXES, ids)]


def evaluate(found: list[dict], **arguments) -> dict:
    init_default_scope('mmdet')
    evaluator = Evaluator(with_careful_metrics([dict(type='CocoMetric', **arguments)]))
    evaluator.dataset_meta = dict(classes=CLASSES)
    evaluator.process(found, {})
    metrics = evaluator.evaluate(len(found))
    evaluator.process(found, {})  # the next validation
    assert evaluator.evaluate(len(found)) == metrics
    return metrics


@pytest.fixture
def content():
    return dict(
        images=[dict(id=number, file_name=f'{number}.jpg', width=80, height=60) for number in BOXES],
        categories=[dict(id=number + 3, name=name) for number, name in enumerate(CLASSES)],
        annotations=[dict(id=number, image_id=picture, category_id=label + 3, bbox=[x, y, w, h], area=w * h, iscrowd=0)
                     for number, (picture, (label, x, y, w, h)) in enumerate(
                         ((picture, box) for picture, boxes in BOXES.items() for box in boxes), 1)])


@pytest.fixture
def write(tmp_path):
    def to_file(content) -> str:
        (tmp_path / 'all.json').write_text(json.dumps(content))
        return str(tmp_path / 'all.json')

    return to_file


@pytest.fixture
def theirs(content, write):
    """What mmdet's own metric computes from a complete file."""
    from mmdet.evaluation import CocoMetric
    metric = CocoMetric(write(content))
    metric.dataset_meta = dict(classes=CLASSES)
    metric.process({}, samples())
    return metric.evaluate(2)


def without(content: dict, *fields: str) -> dict:
    changed = copy.deepcopy(content)
    for annotation in changed['annotations']:
        for field in fields:
            del annotation[field]
    return changed


@pytest.mark.parametrize('fields', [(), ('iscrowd', ), ('area', ), ('id', ), ('iscrowd', 'area', 'id')])
def test_what_a_file_lacks_changes_nothing(content, write, theirs, fields):
    assert 0.3 < theirs['coco/bbox_mAP'] < 1
    assert evaluate(samples(), ann_file=write(without(content, *fields))) == {**theirs, 'coco/absent': ['dust']}


def test_annotations_that_are_numbered_from_0(content, write, theirs):
    """pycocotools takes the number 0 for 'not matched', and mmdet's metric is lower."""
    for annotation in content['annotations']:
        annotation['id'] -= 1
    assert evaluate(samples(), ann_file=write(content)) == {**theirs, 'coco/absent': ['dust']}


def test_root_category_of_the_same_name(content, write, theirs):
    content['categories'].insert(0, dict(id=0, name='dot', supercategory='none'))
    assert evaluate(samples(), ann_file=write(content)) == {**theirs, 'coco/absent': ['dust']}


def test_without_a_file_the_boxes_of_the_pipeline_are_taken(theirs):
    """Of pictures that have the same name in two folders."""
    assert evaluate(samples()) == evaluate([dict(sample, img_id='a') for sample in samples()]) == {
        **theirs, 'coco/absent': ['dust']}


def test_by_class_a_class_without_objects_is_left_out(content, write):
    metrics = evaluate(samples(), ann_file=write(content), classwise=True)
    assert metrics['coco/absent'] == ['dust'] and 'coco/dust_precision' not in metrics
    assert metrics['coco/cell_precision'] == 1 > metrics['coco/dot_precision'] > 0


def test_nothing_detected_has_no_metrics():
    assert evaluate(samples(detected={})) == {}


def test_pipeline_without_boxes_is_told():
    found = [dict(sample, gt_instances={}) for sample in samples()]
    with raises(DatasetError, 'monday/a.jpg', 'ann_file', 'LoadAnnotations'):
        evaluate(found)


@pytest.mark.parametrize('text', ['[]', '{"images": 5}', 'nothing', None])
def test_file_that_is_none(tmp_path, text):
    path = tmp_path / 'all.json'
    if text is not None:
        path.write_text(text)
    with raises(DatasetError, path, 'ann_file', 'COCO'):
        evaluate([], ann_file=str(path))


@pytest.mark.parametrize('given,expected', [
    (dict(type='CocoMetric', ann_file='a'), dict(type='mmmux.CocoMetric', ann_file='a')),
    (dict(type='mmdet.CocoMetric'), dict(type='mmmux.CocoMetric')),
    (dict(type='VOCMetric', scale_ranges=[(0, 32)]), dict(type='mmmux.VOCMetric', scale_ranges=[(0, 32)])),
    *((kept, kept) for kept in (
        dict(type='VOCMetric'), dict(type='mmmux.VOCMetric', scale_ranges=[(0, 32)]),
        dict(type='DumpResults', out_file_path='a'), dict(type='nobodys.Metric'), dict(type='mmpretrain.Accuracy'),
        dict(type='Nothing'), None)),
])
def test_what_is_put_in_place(given, expected):
    init_default_scope('mmdet')
    assert with_careful_metrics(given) == expected
    assert with_careful_metrics([given, given]) == [expected, expected]
