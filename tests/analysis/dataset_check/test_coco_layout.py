import json

import numpy as np
import pytest
from facts import assert_facts, raises
from PIL import Image

from mmmux.utils.errors import DatasetError


class CocoFiles:
    """Two pictures of 80 x 60 pixels, with a box of each class."""

    def __init__(self, root):
        self.root = root
        (root / 'pictures').mkdir()
        self.content = dict(images=[], annotations=[], categories=[dict(id=1, name='cell'), dict(id=7, name='dot')])
        for number, name in enumerate(('a.jpg', 'b.jpg'), 1):
            noise = np.random.default_rng(number).integers(0, 256, (60, 80, 3), dtype=np.uint8)
            Image.fromarray(noise).save(root / 'pictures' / name)
            self.content['images'].append(dict(id=number, file_name=name, width=80, height=60))
        self.add(1, 1, [5, 6, 20, 10])
        self.add(2, 7, [30, 10, 40, 40])

    def add(self, picture: int, category: int, box: list, **more) -> None:
        known = self.content['annotations']
        usual = dict(id=len(known) + 1, image_id=picture, category_id=category, bbox=box, iscrowd=0, area=100)
        known.append({**usual, **more})

    def dataset(self, **changes) -> dict:
        (self.root / 'all.json').write_text(json.dumps(self.content))
        return dict(type='mmmux.CocoDataset', data_root=str(self.root), ann_file='all.json', **{
            'data_prefix': dict(img='pictures/'), 'metainfo': dict(classes=('cell', 'dot')), 'pipeline': [], **changes})


@pytest.fixture
def coco(tmp_path):
    return CocoFiles(tmp_path)


def test_clean(coco, checked, found_in):
    report = checked('mmdet', train=coco.dataset())
    assert found_in(report) == [] and report.parts[0].counts.tolist() == [[1, 1], [1, 1]]
    assert sorted(report.parts[0].boxes[:, 0]) == pytest.approx([200**0.5, 40])
    assert report.parts[0].boxes[:, 1].max() == pytest.approx(40 / 4800**0.5)


@pytest.mark.parametrize('box,more,kind', [
    ([10, 10, 0, 20], {}, 'boxes without area'), ([10, 10, -5, 20], {}, 'boxes without area'),
    ([10, 10, 5, 5], dict(area=0), 'boxes without area'), ([90, 10, 5, 20], {}, 'boxes outside the picture'),
    ([10, float('nan'), 5, 20], {}, 'boxes that are no numbers'), ([10, 10, float('inf'), 5], {}, 'boxes that are no numbers'),
    ([10, 10, 5], {}, 'unreadable annotations'), (None, {}, 'unreadable annotations'),
    ([10, 10, 5, 20], dict(area='large'), 'unreadable annotations'), ([10, 10, 5, 20], dict(category_id=99), 'unknown classes'),
])
def test_flaws_of_boxes(coco, checked, found_in, box, more, kind):
    coco.add(2, 1, box, **more)
    report = checked('mmdet', train=coco.dataset())
    assert found_in(report) == [(kind, 'train', 'b.jpg')] and report.parts[0].counts.tolist() == [[1, 1], [1, 1]]


def test_every_flaw_is_found_although_the_data_set_stops_at_the_first(coco, checked, found_in):
    coco.content['images'][0]['width'] = 90
    (coco.root / 'pictures/b.jpg').unlink()
    coco.add(5, 1, [1, 1, 5, 5])
    report = checked('mmdet', train=coco.dataset(metainfo=dict(classes=('cell', 'dot', 'dust', 'hair'))))
    assert [kind for kind, *_ in found_in(report)] == [
        'unreadable pictures', 'unreadable annotations', 'size mismatches', 'unknown classes', 'unknown classes',
        *['classes without an example to train on'] * 3]  # 'dot' is only in the missing picture
    _, lost, size, dust, hair, *_ = (finding.sentence for finding in report.findings)
    assert_facts(lost, coco.root / 'all.json', '1 annotations', 'image_id 5')
    assert_facts(size, 'a.jpg', '80 x 60', '90 x 60')
    assert_facts(dust, 'metainfo.classes', "'dust'", coco.root / 'all.json', 'cell, dot')
    assert_facts(hair, 'metainfo.classes', "'hair'")


def test_what_tools_leave_out_is_no_defect(coco, checked, found_in):
    for annotation in coco.content['annotations']:
        for field in ('id', 'area', 'iscrowd'):
            del annotation[field]
    coco.content['categories'].insert(0, dict(id=0, name='dot', supercategory='none'))
    report = checked('mmdet', train=coco.dataset(), test=coco.dataset(test_mode=True))
    assert {kind for kind, *_ in found_in(report)} == {'duplicates across sets'}
    assert report.parts[0].counts.tolist() == [[1, 1], [1, 1]]


def test_two_categories_of_one_name(coco, checked):
    coco.content['categories'][1]['name'] = 'cell'
    with raises(DatasetError, coco.root / 'all.json', "'cell'", '1, 7'):
        checked('mmdet', train=coco.dataset(metainfo=dict(classes=('cell', ))))


def test_some_of_the_classes_are_a_note(coco, checked, found_in):
    report = checked('mmdet', train=coco.dataset(metainfo=dict(classes=('dot', ))))
    assert found_in(report) == []
    (note, ) = report.parts[0].notes
    assert_facts(note, 'metainfo.classes', 'cell (1)')


def test_wrong_order_of_the_classes(coco, checked):
    (finding, ) = checked('mmdet', train=coco.dataset(metainfo=dict(classes=('dot', 'cell')))).findings
    assert finding.kind == 'sets that training or testing refuses'
    assert_facts(finding.sentence, 'metainfo.classes', coco.root / 'all.json', 'cell', 'dot')


@pytest.mark.slow
def test_list_of_flaws_makes_it_clean(coco, checked, found_in, tmp_path):
    from mmmux.analysis.dataset_check.report import write_fix_lists
    coco.add(2, 1, [10, 10, 0, 20])
    lists = write_fix_lists(checked('mmdet', train=coco.dataset()), tmp_path / 'bad.txt')
    assert lists == {'train_dataloader.dataset.leave_out': tmp_path / 'bad.txt'}
    assert (tmp_path / 'bad.txt').read_text() == '# boxes without area: cell (10.0, 10.0, 0.0, 20.0)\nb.jpg\n'
    coco.add(1, 7, [10, 10, 10, 20])
    report = checked('mmdet', train=coco.dataset(leave_out=str(tmp_path / 'bad.txt')))
    assert found_in(report) == [] and report.parts[0].layout.names == ['a.jpg']


@pytest.mark.parametrize('text', ['', '[]', '{"images": []}', '{"images": [{}], "annotations": [], "categories": []}'])
def test_other_files(coco, checked, text):
    from mmmux.utils.errors import DatasetError
    dataset = coco.dataset()
    (coco.root / 'all.json').write_text(text)
    with raises(DatasetError, 'train', 'train_dataloader.dataset', coco.root / 'all.json', 'COCO'):
        checked('mmdet', train=dataset)
