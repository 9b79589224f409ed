"""Exports of labelling tools, as unpacked from the zip, are read with the boxes and classes that were drawn."""
import json
import shutil
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

pytest.importorskip('supervision')

from mmmux.datasets.label_exports import convert
from mmmux.utils.errors import ConfigError, DatasetError

CLASSES = ('cell', 'dot')
WIDTH, HEIGHT = 80, 60
# The same name in two splits, a picture without objects, and three splits.
PICTURES = {('train', 'a.jpg'): [(0, 10, 20, 30, 50), (1, 40, 10, 50, 20)], ('train', 'b.png'): [(1, 0, 0, 80, 60)],
            ('train', 'none.jpg'): [], ('val', 'a.jpg'): [(1, 5, 6, 25, 36)], ('test', 'c.jpg'): [(0, 1, 2, 11, 22)]}


def picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)).save(path)


def text(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


def yolo_lines(boxes) -> str:
    return ''.join(f'{label} {(x1 + x2) / 2 / WIDTH:.6f} {(y1 + y2) / 2 / HEIGHT:.6f} {(x2 - x1) / WIDTH:.6f} '
                   f'{(y2 - y1) / HEIGHT:.6f}\n' for label, x1, y1, x2, y2 in boxes)


def coco(pictures: dict[str, list], categories: list[dict], first: int) -> str:
    """COCO content whose classes have the ids first, first + 1."""
    images, annotations = [], []
    for number, (name, boxes) in enumerate(pictures.items(), 7):
        images.append(dict(id=number, file_name=name, width=WIDTH, height=HEIGHT))
        annotations += [dict(id=len(annotations) + place, image_id=number, category_id=first + label, iscrowd=0,
                             bbox=[x1, y1, x2 - x1, y2 - y1], area=(x2 - x1) * (y2 - y1),
                             segmentation=[[x1, y1, x2, y1, x2, y2]])
                        for place, (label, x1, y1, x2, y2) in enumerate(boxes)]
    return json.dumps(dict(info={}, licenses=[], images=images, annotations=annotations, categories=categories))


def of(split: str) -> dict[str, list]:
    return {name: boxes for (each, name), boxes in PICTURES.items() if each == split}


def roboflow_coco(root: Path) -> None:
    """A folder a split with its pictures and _annotations.coco.json, whose first category groups the others."""
    categories = [dict(id=0, name='cells', supercategory='none'), dict(id=1, name='cell', supercategory='cells'),
                  dict(id=2, name='dot', supercategory='cells')]
    for split, folder in (('train', 'train'), ('val', 'valid'), ('test', 'test')):
        for name in of(split):
            picture(root / folder / name)
        text(root / folder / '_annotations.coco.json', coco(of(split), categories, 1))
    text(root / 'README.roboflow.txt', 'cells - v1\n')


def roboflow_yolo(root: Path) -> None:
    for split, folder in (('train', 'train'), ('val', 'valid'), ('test', 'test')):
        for name, boxes in of(split).items():
            picture(root / folder / 'images' / name)
            text(root / folder / 'labels' / f'{Path(name).stem}.txt', yolo_lines(boxes))
    text(root / 'data.yaml', yaml.safe_dump(dict(train='../train/images', val='../valid/images', test='../test/images', nc=2,
                                                 names=list(CLASSES), roboflow=dict(workspace='w', version=1))))
    text(root / 'README.dataset.txt', 'cells\n')


def cvat_coco(root: Path) -> None:
    categories = [dict(id=number, name=name, supercategory='') for number, name in enumerate(CLASSES, 1)]
    for split, subset in (('train', 'Train'), ('val', 'Validation'), ('test', 'Test')):
        for name in of(split):
            picture(root / 'images' / subset / name)
        text(root / f'annotations/instances_{subset}.json', coco(of(split), categories, 1))


def cvat_yolo(root: Path) -> None:
    """CVAT's 'YOLO 1.1': labels beside pictures, and names in obj.names."""
    for split, subset in (('train', 'train'), ('val', 'Validation'), ('test', 'Test')):
        for name, boxes in of(split).items():
            picture(root / f'obj_{subset}_data' / name)
            text(root / f'obj_{subset}_data/{Path(name).stem}.txt', yolo_lines(boxes))
        text(root / f'{subset}.txt', ''.join(f'data/obj_{subset}_data/{name}\n' for name in of(split)))
    text(root / 'obj.names', 'cell\ndot\n')
    text(root / 'obj.data', 'classes = 2\ntrain = data/train.txt\nnames = data/obj.names\nbackup = backup/\n')


def cvat_ultralytics(root: Path) -> None:
    """CVAT's 'Ultralytics YOLO Detection 1.0': names by number; pictures without objects have no label file."""
    for split, subset in (('train', 'train'), ('val', 'Validation'), ('test', 'Test')):
        for name, boxes in of(split).items():
            picture(root / 'images' / subset / name)
            if boxes:
                text(root / f'labels/{subset}/{Path(name).stem}.txt', yolo_lines(boxes))
        text(root / f'{subset}.txt', ''.join(f'data/images/{subset}/{name}\n' for name in of(split)))
    text(root / 'data.yaml', yaml.safe_dump({'names': dict(enumerate(CLASSES)), 'path': '.', 'train': 'train.txt'}))


SPLIT = [roboflow_coco, roboflow_yolo, cvat_coco, cvat_yolo, cvat_ultralytics]


def unsplit() -> dict[str, list]:
    return {f'{split}-{name}': boxes for (split, name), boxes in PICTURES.items()}


def label_studio_coco(root: Path) -> None:
    """Classes are numbered from 0; names of pictures have the tool's folder."""
    categories = [dict(id=number, name=name) for number, name in enumerate(CLASSES)]
    for name in unsplit():
        picture(root / 'images' / name)
    pictures = {f'images\\{name}' if number % 2 else f'../../label-studio/data/media/images/{name}': boxes
                for number, (name, boxes) in enumerate(unsplit().items())}
    text(root / 'result.json', coco(pictures, categories, 0))


def label_studio_yolo(root: Path) -> None:
    for name, boxes in unsplit().items():
        picture(root / 'images' / name)
        text(root / f'labels/{Path(name).stem}.txt', yolo_lines(boxes))
    text(root / 'classes.txt', 'cell\ndot')
    text(root / 'notes.json', json.dumps(dict(categories=[dict(id=0, name='cell')], info=dict(version='1.0'))))


UNSPLIT = [label_studio_coco, label_studio_yolo]


@pytest.fixture
def export(tmp_path):
    """The folder of an export."""
    def make(write: Callable[[Path], None]) -> Path:
        write(tmp_path / 'export')
        return tmp_path / 'export'

    return make


@pytest.fixture
def zipped(export):
    def make(write: Callable[[Path], None]) -> Path:
        folder = export(write)
        path = Path(shutil.make_archive(str(folder), 'zip', folder))
        shutil.rmtree(folder)
        return path

    return make


def boxes_in(path: Path) -> dict[str, list]:
    """The boxes of a file that was written, by picture."""
    content = json.loads(path.read_text())
    names = {category['id']: category['name'] for category in content['categories']}
    found = {image['file_name']: [] for image in content['images']}
    by_id = {image['id']: image['file_name'] for image in content['images']}
    assert all((image['width'], image['height']) == (WIDTH, HEIGHT) for image in content['images'])
    for annotation in content['annotations']:
        x, y, width, height = annotation['bbox']
        corners = [round(value, 1) for value in (x, y, x + width, y + height)]
        found[by_id[annotation['image_id']]].append((CLASSES.index(names[annotation['category_id']]), *corners))
    return found


@pytest.mark.parametrize('write', SPLIT)
def test_every_split_has_its_pictures_and_boxes(zipped, write, tmp_path):
    found = convert(zipped(write), tmp_path / 'mine')
    assert found.classes == CLASSES and found.root == tmp_path / 'mine' and not found.set_aside and not found.left_out
    assert found.files == {split: f'{split}.json' for split in ('train', 'val', 'test')}
    for split, name in found.files.items():
        boxes = boxes_in(found.root / name)
        assert {Path(path).name: each for path, each in boxes.items()} == of(split)
        assert all((found.root / path).is_file() for path in boxes)
        assert found.pictures[split] == len(of(split)) and found.empty[split] == sum(not each for each in of(split).values())
    assert found.boxes['train'] == {'cell': 1, 'dot': 2}


@pytest.mark.parametrize('write', UNSPLIT)
def test_an_export_without_splits_is_split_the_same_way_every_time(export, write):
    root = export(write)
    # The second one does not take the files of the first one for an export.
    found = [convert(root, val_fraction=0.4) for _ in range(2)]
    assert found[0] == found[1] and found[0].set_aside == 2 and set(found[0].files) == {'train', 'val'}
    train, val = (boxes_in(root / f'{split}.json') for split in ('train', 'val'))
    assert (len(train), len(val)) == (3, 2)
    assert {Path(path).name: boxes for path, boxes in {**train, **val}.items()} == unsplit()


def test_data_sets_read_what_was_written(export):
    from mmdet.registry import DATASETS
    found = convert(export(roboflow_yolo))
    dataset = DATASETS.build(dict(type='mmmux.CocoDataset', data_root=str(found.root), ann_file='train.json', pipeline=[],
                                  data_prefix=dict(img=''), metainfo=dict(classes=found.classes)))
    infos = [dataset.get_data_info(number) for number in range(len(dataset))]
    infos = {Path(info['img_path']).name: info for info in infos}
    read = {name: [(box['bbox_label'], *(round(value, 1) for value in box['bbox'])) for box in info['instances']]
            for name, info in infos.items()}
    assert read == of('train') and all(Path(info['img_path']).is_file() for info in infos.values())


def test_what_was_found_is_printed_with_lines_for_a_config(export, monkeypatch, capsys):
    import runpy
    root = export(roboflow_coco)
    monkeypatch.setattr(sys, 'argv', ['convert_labels.py', str(root)])
    tool = Path(__file__).resolve().parents[2] / 'tools/dataset_converters/convert_labels.py'
    runpy.run_path(str(tool), run_name='__main__')
    lines = capsys.readouterr().out.splitlines()
    values = {}
    exec('\n'.join(line for line in lines if ' = ' in line), values)
    assert (values['data_root'], values['classes'], values['annotations']) == (f'{root}/', CLASSES, 'coco')
    assert (values['train'], values['val'], values['test']) == ('train.json', 'val.json', 'test.json')
    assert any('3 pictures' in line and '2 dot' in line for line in lines)


def test_polygons_become_their_boxes(export):
    root = export(roboflow_yolo)
    (root / 'train/labels/a.txt').write_text('1 0.25 0.5 0.5 0.5 0.375 0.75\n0 0.5 0.5 0.25 0.5\n')
    convert(root)
    assert boxes_in(root / 'train.json')['train/images/a.jpg'] == [(1, 20, 30, 40, 45), (0, 30, 15, 50, 45)]


def test_a_group_named_as_a_class_is_that_class(export):
    root = export(roboflow_coco)
    for path in root.glob('*/_annotations.coco.json'):
        path.write_text(path.read_text().replace('"cells"', '"cell"'))
    assert convert(root).classes == CLASSES
    assert boxes_in(root / 'val.json') == {'valid/a.jpg': PICTURES['val', 'a.jpg']}


def test_what_cannot_be_used_is_counted(export):
    root = export(cvat_coco)
    (root / 'images/Train/a.jpg').unlink()
    (root / 'images/Test/c.jpg').write_bytes(b'no picture')
    found = convert(root)
    assert sum(found.left_out.values()) == 2 and set(found.files) == {'train', 'val'}
    assert any('instances_Train.json' in what for what in found.left_out) and any('c.jpg' in what for what in found.left_out)
    # The picture of that name in another split is not taken for it.
    assert set(boxes_in(root / 'train.json')) == {'images/Train/b.png', 'images/Train/none.jpg'}


@pytest.mark.parametrize('spoil,words', [
    (lambda root: (root / 'train/labels/a.txt').write_text('2 0.5 0.5 0.1 0.1\n'), ('a.jpg', '2', 'cell, dot')),
    (lambda root: (root / 'train/labels/a.txt').write_text('1 0.5 0.5\n'), ('a.txt', '1 0.5 0.5')),
    (lambda root: (root / 'train/labels/a.txt').write_text('one 0.5 0.5 0.1 0.1\n'), ('a.txt', 'one')),
    (lambda root: [path.unlink() for path in root.glob('*/labels/*')], ('data.yaml', 'labels')),
    (lambda root: (root / 'data.yaml').write_text('train: x\n'), ('data.yaml', )),
    (lambda root: [path.unlink() for path in root.glob('*/images/*')], ('export', 'pictures')),
    (lambda root: [shutil.rmtree(root), text(root / 'Annotations/a.xml', '<annotation/>'), picture(root / 'JPEGImages/a.jpg')],
     ('Annotations/a.xml', "'voc'")),
])
def test_what_is_wrong_is_named(export, spoil, words):
    root = export(roboflow_yolo)
    spoil(root)
    with pytest.raises(DatasetError) as error:
        convert(root)
    assert all(word in str(error.value) for word in words) and str(error.value).isprintable()


@pytest.mark.parametrize('content', ['{"my": "notes"}', coco({}, [], 1), 'no json'])
def test_files_of_others_are_not_overwritten(export, content):
    root = export(roboflow_coco)
    text(root / 'train.json', content)
    with pytest.raises(DatasetError) as error:
        convert(root)
    assert f'{root}/train.json' in str(error.value) and (root / 'train.json').read_text() == content
    assert not (root / 'val.json').exists()


@pytest.mark.parametrize('lists', [False, True])
def test_splits_that_only_the_data_file_names(export, lists):
    root = export(label_studio_yolo)
    names = [path.name for path in sorted((root / 'images').iterdir())]
    if lists:
        text(root / 'first.txt', ''.join(f'./images/{name}\n' for name in names[:-1]))
        text(root / 'second.txt', f'/somewhere/else/images/{names[-1]}\n')
        entries = dict(train='first.txt', val=['second.txt'])
    else:
        for folder, part in (('one', names[:-1]), ('two', names[-1:])):
            for name in part:
                for kind, file in (('images', name), ('labels', f'{Path(name).stem}.txt')):
                    if (root / kind / file).exists():
                        (root / kind / folder).mkdir(exist_ok=True)
                        (root / kind / file).rename(root / kind / folder / file)
        entries = dict(path='/content/data', train='../images/one', val='images/two')
    (root / 'classes.txt').unlink()
    text(root / 'data.yaml', yaml.safe_dump(dict(entries, names=list(CLASSES))))
    converted = convert(root)
    assert converted.pictures == dict(train=len(names) - 1, val=1) and not converted.set_aside
    assert [Path(name).name for name in boxes_in(root / 'val.json')] == names[-1:]


def test_pictures_that_two_files_list_are_read_once(export):
    root = export(cvat_coco)
    shutil.copy(root / 'annotations/instances_Train.json', root / 'annotations/person_keypoints_Train.json')
    once = of('train')
    converted = convert(root)
    assert converted.pictures['train'] == len(once)
    assert any('person_keypoints_Train.json' in what and number == len(once) for what, number in converted.left_out.items())


@pytest.mark.parametrize('change', [
    lambda content: content['annotations'][0].pop('image_id'), lambda content: content['annotations'][0].update(category_id=99),
    lambda content: content['annotations'][0].update(bbox=['x', 1, 2, 3]), lambda content: content['categories'][0].pop('name'),
    lambda content: content['images'].append('x'), lambda content: content['annotations'][0].update(bbox=[1, 2, -3, 4])])
def test_a_coco_file_that_is_wrong_is_named(export, change):
    root = export(cvat_coco)
    path = root / 'annotations/instances_Train.json'
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    with pytest.raises(DatasetError, match=r'instances_Train\.json'):
        convert(root)


def test_archives_keep_to_their_folder(tmp_path, zipped):
    archive = zipped(roboflow_yolo)
    with zipfile.ZipFile(archive, 'a') as file:
        file.writestr('../../outside.txt', 'x')
    convert(archive, tmp_path / 'deep/er/mine')
    assert not list(tmp_path.rglob('outside.txt')) or (tmp_path / 'deep/er/mine/outside.txt').is_file()
    assert not (tmp_path / 'deep/outside.txt').exists()


@pytest.mark.parametrize('content', [b'', b'PK\x03\x04 broken', None])
def test_no_archive(tmp_path, content):
    path = tmp_path / 'export.zip'
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DatasetError, match=r'export\.zip'):
        convert(path)


def test_linked_pictures(export, tmp_path):
    root = export(roboflow_coco)
    shutil.move(root / 'train', tmp_path / 'disk')
    (root / 'train').mkdir()
    for path in (tmp_path / 'disk').iterdir():
        (root / 'train' / path.name).symlink_to(path)
    convert(root)
    assert {Path(name).name: boxes for name, boxes in boxes_in(root / 'train.json').items()} == of('train')


def test_without_supervision(export, monkeypatch):
    monkeypatch.setitem(sys.modules, 'supervision', None)
    for write in (roboflow_yolo, roboflow_coco):
        with pytest.raises(ConfigError, match=r'mmmux\[labels\]'):
            convert(export(write))
