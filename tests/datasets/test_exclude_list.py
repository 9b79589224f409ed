import json
from pathlib import Path

import pytest
from facts import assert_facts, raises
from PIL import Image

from mmmux.datasets.exclude_list import read_names, write_names
from mmmux.utils.errors import DatasetError

ODD_NAMES = ['# note', './here', 'a b.jpg', 'fog/#1.png', 'é', '#']


def test_what_is_written_is_read(tmp_path):
    path = tmp_path / 'lists/bad.txt'
    write_names(path, {name: f'because of {name}\nand more' for name in ODD_NAMES})
    assert read_names(path) == ODD_NAMES
    assert path.read_text(encoding='utf-8').splitlines()[:2] == ['# because of # note and more', './# note']


@pytest.mark.parametrize('name', [' a', 'a ', 'a\nb', ''])
def test_name_that_a_line_cannot_hold(tmp_path, name):
    with raises(DatasetError, tmp_path / 'bad.txt', repr(name)):
        write_names(tmp_path / 'bad.txt', {name: 'why'})


def test_files_from_other_programs_are_read(tmp_path):
    (tmp_path / 'bad.txt').write_bytes('\ufeffa\r\n\r\n#why\r\nb  \r\n'.encode())
    assert read_names(tmp_path / 'bad.txt') == ['a', 'b']


def test_files_that_cannot_be_read(tmp_path):
    with raises(DatasetError, tmp_path / 'nowhere.txt', 'leave_out', 'tools/analysis_tools/check_dataset.py'):
        read_names(tmp_path / 'nowhere.txt')
    (tmp_path / 'list.pkl').write_bytes(b'\x80\x04\xff')
    with raises(DatasetError, tmp_path / 'list.pkl', 'leave_out', 'UTF-8'):
        read_names(tmp_path / 'list.pkl')


def paths(dataset) -> list[str]:
    return [Path(dataset.get_data_info(index)['img_path']).name for index in range(len(dataset))]


@pytest.fixture
def bad(tmp_path):
    """Write a list of names; give back its path."""
    def write(*names: str) -> str:
        write_names(tmp_path / 'bad.txt', dict.fromkeys(names, 'why'))
        return str(tmp_path / 'bad.txt')

    return write


@pytest.fixture
def voc_of_three(voc):
    for name in ('a', 'b', 'c'):
        voc.add(name, ('cell', 11, 11, 31, 41))
    return voc


class TestVOC:

    def test_counts_what_it_leaves_out(self, voc_of_three, bad, log):
        assert paths(voc_of_three.read(leave_out=bad('b', 'a'))) == ['c.jpg']
        (warning, ) = log.messages
        assert_facts(warning, voc_of_three.split, '2 pictures', bad('b', 'a'), '(a, b)')
        assert 'score' not in warning

    def test_a_bad_picture_that_is_named_is_not_opened(self, voc_of_three, bad, log):
        voc_of_three.picture('b').unlink()
        assert paths(voc_of_three.read(leave_out=bad('b'), test_mode=True)) == ['a.jpg', 'c.jpg']
        (warning, ) = log.messages
        assert_facts(warning, voc_of_three.split, '1 pictures', bad('b'), 'score', '(b)')

    def test_names_that_it_does_not_have(self, voc_of_three, bad):
        file = bad('a', 'd', 'e')
        with raises(DatasetError, file, 'leave_out', '2 pictures', voc_of_three.split, "('d', 'e')"):
            voc_of_three.read(leave_out=file)

    def test_missing_file(self, voc_of_three):
        with raises(DatasetError, 'nowhere.txt', 'leave_out', 'exist'):
            voc_of_three.read(leave_out='nowhere.txt')

    def test_all_of_them(self, voc_of_three, bad):
        file = bad('a', 'b', 'c')
        with raises(DatasetError, voc_of_three.split, '3 pictures', file, '(a, b, c)'):
            voc_of_three.read(leave_out=file)


def test_coco(tmp_path, bad, log):
    from mmmux.datasets import CocoDataset
    images = [dict(id=number, file_name=name, width=80, height=60)
              for number, name in enumerate(('day/a.jpg', 'day/b.jpg', 'c.jpg'))]
    (tmp_path / 'all.json').write_text(json.dumps(dict(images=images, annotations=[], categories=[dict(id=1, name='cell')])))

    def read(leave_out, **changes):
        return CocoDataset(data_root=str(tmp_path), ann_file='all.json', data_prefix=dict(img='pictures/'), pipeline=[],
                           metainfo=dict(classes=('cell', )), leave_out=leave_out, **changes)

    assert paths(read(bad('day/b.jpg'))) == ['a.jpg', 'c.jpg']
    assert paths(read(bad('c.jpg'), test_mode=True)) == ['a.jpg', 'b.jpg']
    first, second = log.messages
    assert_facts(first, 'all.json', '1 pictures', '(day/b.jpg)')
    assert_facts(second, 'all.json', '1 pictures', 'score', '(c.jpg)')
    with raises(DatasetError, 'all.json', 'leave_out', '1 pictures', "('b.jpg')"):
        read(bad('b.jpg'))
    with raises(DatasetError, 'all.json', '3 pictures', '(day/a.jpg, day/b.jpg, c.jpg)'):
        read(bad('day/a.jpg', 'day/b.jpg', 'c.jpg'))


def test_segmentation(request, bad, log):
    seg = request.getfixturevalue('seg')
    for name in ('a', 'b', 'c'):
        seg.add(name)
    seg.label_map('b').unlink()
    assert paths(seg.read(leave_out=bad('b.jpg'), test_mode=True)) == ['a.jpg', 'c.jpg']
    assert paths(seg.read(leave_out=bad('c.jpg'))) == ['a.jpg']
    _, training = (message for message in log.messages if 'images/training' in message)
    assert_facts(training, '1 pictures', '(c.jpg)', 'label map', '(b.jpg)')
    with raises(DatasetError, 'images/training', 'leave_out', "('b')"):
        seg.read(leave_out=bad('b'))


@pytest.mark.slow
def test_class_folders(tmp_path, bad, log):
    from mmmux.datasets import ImageFolder
    for name in ('cat/1.jpg', 'cat/2.jpg', 'dog/1.jpg'):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new('RGB', (8, 6)).save(tmp_path / name)
    (tmp_path / 'list.txt').write_text('cat/1.jpg 0\ndog/1.jpg 1\n')

    def read(leave_out, **changes):
        dataset = ImageFolder(data_root=str(tmp_path), metainfo=dict(classes=('cat', 'dog')), leave_out=leave_out, **changes)
        return [dataset.get_data_info(index)['gt_label'] for index in range(len(dataset))]

    assert read(None) == [0, 0, 1] and not log.messages
    assert read(bad('cat/2.jpg')) == [0, 1]
    assert read(bad('cat/1.jpg'), ann_file='list.txt', test_mode=True) == [1]
    assert_facts(log.messages[-1], 'list.txt', 'score', '(cat/1.jpg)')
    with raises(DatasetError, 'list.txt', 'leave_out', "('cat/2.jpg')"):
        read(bad('cat/2.jpg'), ann_file='list.txt')


def test_chest_xray14(tmp_path, bad, log):
    from nih_files import NIHFiles

    from mmmux.datasets import ChestXray14
    files = NIHFiles(tmp_path / 'nih')
    files.add('train_val', '1')
    name = files.add('test', '2').name
    files.add('test', '3')
    (files.root / files.folders[1] / name).unlink()
    dataset = ChestXray14(str(files.root), 'test', test_mode=True, leave_out=bad(name))
    assert paths(dataset) == ['00000003_000.png']
    (warning, ) = log.messages
    assert_facts(warning, files.list_of('test'), '1 pictures', 'score', f'({name})')
