import shutil

import cv2
import numpy as np
import pytest
from cifar_files import CIFARFiles
from facts import assert_facts, raises
from nih_files import NIHFiles, xray
from PIL import Image

from mmmux.analysis.dataset_check.report import check_fix_list, write_fix_lists
from mmmux.utils.errors import ConfigError, DatasetError

CLASSES = ('dog', 'cat')


class Folders:
    """Two pictures of each class to train on and one to validate with."""

    def __init__(self, root):
        self.root = root
        names = ('train/cat/1.jpg', 'train/cat/2.jpg', 'train/dog/1.jpg', 'train/dog/2.jpg', 'val/cat/3.jpg', 'val/dog/3.jpg')
        for number, name in enumerate(names):
            self.add(name, number)

    def path(self, name: str):
        return self.root / name

    def add(self, name: str, seed: int) -> None:
        self.path(name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.random.default_rng(seed).integers(0, 256, (12, 16, 3), dtype=np.uint8)).save(self.path(name))

    def dataset(self, split: str, **changes) -> dict:
        return {'type': 'mmmux.ImageFolder', 'data_root': str(self.root), 'data_prefix': split, 'test_mode': split == 'val',
                'metainfo': dict(classes=CLASSES), 'pipeline': [dict(type='mmmux.LoadImageOrSkip')], **changes}

    def both(self) -> dict:
        return {split: self.dataset(split) for split in ('train', 'val')}


@pytest.fixture
def folders(tmp_path):
    return Folders(tmp_path / 'data')


@pytest.mark.slow
def test_clean(folders, checked, found_in):
    report = checked('mmpretrain', **folders.both())
    assert found_in(report) == [] and [part.counts.tolist() for part in report.parts] == [[[2, 2]] * 2, [[1, 1]] * 2]


@pytest.mark.slow
def test_planted_flaws_and_the_list_of_them(folders, checked, found_in, tmp_path):
    for number in range(3):
        folders.add(f'train/dog/more{number}.jpg', 10 + number)
    folders.path('train/cat/1.jpg').write_bytes(b'')
    shutil.copy(folders.path('val/dog/3.jpg'), folders.path('train/dog/2.jpg'))
    cv2.imwrite(str(folders.path('train/dog/copy.png')), cv2.imread(str(folders.path('train/dog/1.jpg'))))
    report = checked('mmpretrain', **folders.both())
    assert found_in(report) == [
        ('unreadable pictures', 'train', 'cat/1.jpg'), ('duplicates within a set', 'train', 'dog/copy.png'),
        ('duplicates across sets', 'train', 'dog/2.jpg')]
    assert report.parts[0].counts[0].tolist() == [6, 1]
    bad = tmp_path / 'bad.txt'
    write_fix_lists(report, bad)
    clean = checked('mmpretrain', train=folders.dataset('train', leave_out=str(bad)), val=folders.dataset('val'))
    assert found_in(clean) == [] and clean.parts[0].layout.names == [
        'cat/2.jpg', 'dog/1.jpg', 'dog/more0.jpg', 'dog/more1.jpg', 'dog/more2.jpg']


def test_folders_that_are_no_class_and_classes_without_a_folder(folders, checked, found_in):
    folders.path('train/dog').rename(folders.path('train/dgo'))
    folders.add('train/fish/1.jpg', 20)
    report = checked('mmpretrain', **folders.both())
    assert [(kind, where) for kind, where, _ in found_in(report)] == [
        ('unknown classes', 'train'), ('unknown classes', 'train'), ('classes without an example to train on', 'train')]
    sentences = [finding.sentence for finding in report.findings]
    assert_facts(sentences[0], "'dgo'", folders.root / 'train', '2 pictures', 'metainfo.classes', 'dog, cat')
    assert_facts(sentences[1], "'fish'", '1 pictures')
    assert_facts(sentences[2], "'dog'")
    assert_facts(report.parts[0].notes[0], folders.root / 'train', 'dgo', 'fish')


def test_every_line_of_a_list_that_cannot_be_read(folders, checked, found_in):
    (folders.root / 'list.txt').write_text('cat/1.jpg 1\ncat/2.jpg 2\ndog/1.jpg\ndog/2.jpg 0\n')
    report = checked('mmpretrain', train=folders.dataset('train', ann_file='list.txt'))
    assert [finding.kind for finding in report.findings] == ['unreadable annotations'] * 2
    for finding, line in zip(report.findings, ('line 2', 'line 3')):
        assert_facts(finding.sentence, folders.root / 'list.txt', line)


def test_classes_of_the_same_name_are_counted_separately(folders, checked):
    (folders.root / 'meta').mkdir()
    (folders.root / 'meta/train.txt').write_text('cat/1.jpg 134\ncat/2.jpg 134\ndog/1.jpg 517\n')  # the bird and the machine
    imagenet = dict(type='mmmux.ImageNet', data_root=str(folders.root), split='train', pipeline=[])
    (part, ) = checked('mmpretrain', train=imagenet).as_dict()['sets']
    assert {name: count['pictures'] for name, count in part['classes'].items() if count['pictures']} == {
        'crane (134)': 2, 'crane (517)': 1}


def test_missing_folder(folders, checked):
    with raises(DatasetError, 'train', 'train_dataloader.dataset', folders.root / 'nowhere', 'data_root', 'data_prefix'):
        checked('mmpretrain', train=folders.dataset('nowhere'))


@pytest.mark.slow
def test_cifar_files(tmp_path, checked, found_in, monkeypatch):
    from mmmux.datasets import CIFAR10
    files = CIFARFiles(tmp_path, CIFAR10)
    files.pictures['train'][3] = files.pictures['test'][1]
    files.write('train')
    for name, sums in files.lists.items():
        monkeypatch.setattr(CIFAR10, name, sums)
    cifar = {split: dict(type='mmmux.CIFAR10', data_root=str(tmp_path), split=split, pipeline=[])
             for split in ('train', 'test')}
    report = checked('mmpretrain', **cifar)
    assert [finding for finding in found_in(report) if finding[0].startswith('duplicates')] == [
        ('duplicates across sets', 'train', 'picture 3')]
    assert report.parts[0].counts[0].tolist() == np.bincount(files.labels['train'], minlength=10).tolist()
    with raises(ConfigError, '--fix-list', tmp_path / 'bad.txt', 'CIFAR10', 'train_dataloader.dataset', 'leave_out'):
        check_fix_list([part.part for part in report.parts], [part.layout for part in report.parts], tmp_path / 'bad.txt')


@pytest.mark.slow
def test_chest_xray14(tmp_path, checked, found_in):
    files = NIHFiles(tmp_path / 'nih')
    pictures = [files.add('train_val' if number < 4 else 'test', str(number), 'Hernia|Mass',
                          picture=Image.fromarray(xray(number))) for number in range(6)]
    pictures[0].write_bytes(b'')
    shutil.copy(pictures[5], pictures[1])
    pictures[4].unlink()
    common = dict(type='mmmux.ChestXray14', data_root=str(files.root), pipeline=[], metainfo=dict(classes=('Hernia', 'Mass')))
    chest = dict(train=dict(common, split='train_val'), test=dict(common, split='test', test_mode=True))
    report = checked('mmpretrain', **chest)
    assert [(finding.kind, finding.where, finding.sentence.partition(':')[0]) for finding in report.findings] == [
        ('unreadable pictures', 'train', pictures[0].name), ('unreadable pictures', 'test', pictures[4].name),
        ('duplicates across sets', 'train', pictures[1].name)]
    assert [part.counts[0].tolist() for part in report.parts] == [[3, 3], [1, 1]]
    write_fix_lists(report, tmp_path / 'bad.txt')
    chest['train']['leave_out'] = str(tmp_path / 'bad.txt')
    assert [finding.where for finding in checked('mmpretrain', **chest).findings] == ['test']
