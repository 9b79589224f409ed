import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from cifar_files import CIFARFiles
from facts import assert_facts, raises
from mmengine.registry import init_default_scope
from PIL import Image

from mmmux.datasets.loading import picture_in_memory
from mmmux.utils.errors import ConfigError, DatasetError

CLASSES = ('dog', 'cat', 'bird')  # not in alphabetical order
PATHS = ('bird/1.jpg', 'cat/1.jpg', 'cat/2.jpg', 'dog/1.jpg')
LOAD = [dict(type='mmmux.LoadImageOrSkip')]


class Pictures:
    """Class folders below train/, written picture by picture."""

    def __init__(self, root: Path):
        self.root = root
        (root / 'train').mkdir(parents=True)

    def path(self, name: str) -> Path:
        return self.root / 'train' / name

    def add(self, *names: str, brightness: int = 100) -> None:
        for name in names:
            self.path(name).parent.mkdir(parents=True, exist_ok=True)
            Image.new('RGB', (8, 6), (brightness, ) * 3).save(self.path(name))

    def write(self, file: str, text: str) -> Path:
        (self.root / file).parent.mkdir(exist_ok=True)
        (self.root / file).write_text(text)
        return self.root / file

    def read(self, **changes):
        """The data set, as a config builds it."""
        from mmpretrain.registry import DATASETS
        arguments = {'type': 'mmmux.ImageFolder', 'data_root': str(self.root), 'data_prefix': 'train',
                     'metainfo': dict(classes=CLASSES), 'pipeline': [], 'serialize_data': False, **changes}
        return DATASETS.build({key: value for key, value in arguments.items() if value is not None})


@pytest.fixture(autouse=True)
def _scope():
    init_default_scope('mmpretrain')


@pytest.fixture
def pictures(tmp_path):
    return Pictures(tmp_path / 'data')


@pytest.fixture
def good(pictures):
    pictures.add(*PATHS)
    return pictures


def infos(dataset) -> list[tuple[str, int]]:
    """Picture (folder/name) and label of each."""
    found = (dataset.get_data_info(index) for index in range(len(dataset)))
    return [('/'.join(Path(info['img_path']).parts[-2:]), info['gt_label']) for info in found]


def labels(dataset) -> dict[str, int]:
    return {path.split('/')[0]: label for path, label in infos(dataset)}


class TestClassFolders:

    def test_are_numbered_by_the_class_list(self, good, log):
        dataset = good.read()
        assert sorted(path for path, _ in infos(dataset)) == sorted(PATHS)
        assert labels(dataset) == dict(dog=0, cat=1, bird=2)
        assert dataset.metainfo['classes'] == CLASSES and not log.messages

    def test_without_a_list_are_numbered_in_alphabetical_order_as_in_mmpretrain(self, good):
        ours, theirs = good.read(metainfo=None), good.read(metainfo=None, type='CustomDataset')
        assert infos(ours) == infos(theirs) and ours.metainfo['classes'] == theirs.metainfo['classes'] == ('bird', 'cat', 'dog')

    def test_in_testing_need_a_list(self, good):
        with raises(ConfigError, 'metainfo.classes', good.path(''), "'bird', 'cat', 'dog'"):
            good.read(metainfo=None, test_mode=True)
        assert labels(good.read(test_mode=True)) == dict(dog=0, cat=1, bird=2)

    @pytest.mark.parametrize('test_mode', [False, True])
    @pytest.mark.parametrize('classes,facts', [
        (('dog', 'cat'), ('1 of 3 folders', "'bird'")),
        ((*CLASSES, 'fish'), ('1 of 4 classes', "'fish'")),
        (('dog', 'cat', 'brid'), ('1 of 3 classes', "'brid'", '1 of 3 folders', "'bird'")),
    ])
    def test_that_are_not_the_classes(self, good, classes, facts, test_mode):
        with raises(DatasetError, good.path(''), 'metainfo.classes', *facts) as error:
            good.read(metainfo=dict(classes=classes), test_mode=test_mode)
        assert "'cat'" not in str(error.value)  # it is both a class and a folder

    def test_hold_subfolders_and_other_files(self, good):
        good.add('cat/kittens/3.png', 'dog/.ipynb_checkpoints/1.jpg', '.ipynb_checkpoints/2.jpg')
        good.write('train/cat/notes.txt', 'x')
        good.write('train/README.txt', 'x')
        found = [path for path, _ in infos(good.read())]
        assert sorted(found) == sorted([*PATHS, 'kittens/3.png'])

    @pytest.mark.parametrize('suffix', ['.webp', '.tiff', '.TIF', '.bmp', '.ppm'])
    def test_hold_pictures_of_any_suffix(self, good, suffix):
        good.add(f'cat/3{suffix}')
        dataset = good.read(test_mode=True, pipeline=[dict(type='mmmux.LoadImage')])
        assert (f'cat/3{suffix}', 1) in infos(dataset)
        assert all(dataset[index]['img'].shape == (6, 8, 3) for index in range(len(dataset)))

    @pytest.mark.parametrize('test_mode', [False, True])
    def test_without_pictures_are_named(self, good, test_mode):
        good.path('cat/1.jpg').unlink()
        good.path('cat/2.jpg').rename(good.path('cat/2.gif'))
        with raises(DatasetError, good.path(''), '*.jpg', "'cat'") as error:
            good.read(test_mode=test_mode)
        assert "'dog'" not in str(error.value)

    def test_all_without_pictures(self, good):
        for name in PATHS:
            good.path(name).unlink()
        with raises(DatasetError, good.path(''), '*.jpg'):
            good.read()

    def test_where_there_are_none(self, pictures):
        pictures.add('1.jpg', '2.jpg')
        with raises(DatasetError, pictures.path(''), 'ann_file'):
            pictures.read()

    @pytest.mark.parametrize('prefix', ['nowhere', 'train/cat/1.jpg'])
    def test_in_a_missing_folder(self, good, prefix):
        with raises(DatasetError, good.root / prefix, 'data_root', 'data_prefix'):
            good.read(data_prefix=prefix)


class TestAnnotationFile:

    def test_lists_pictures_and_class_numbers(self, good, log):
        good.add('cat/a cat.jpg')
        good.write('meta/list.txt', 'cat/1.jpg 1\n\ndog/1.jpg 0\ncat/a cat.jpg 1\nbird/1.jpg 2\n')
        found = infos(good.read(ann_file='meta/list.txt'))
        assert found == [('cat/1.jpg', 1), ('dog/1.jpg', 0), ('cat/a cat.jpg', 1), ('bird/1.jpg', 2)] and not log.messages

    def test_gives_what_mmpretrain_reads(self, good):
        good.write('meta/list.txt', 'cat/1.jpg 1\ndog/1.jpg 0\n')
        ours, theirs = (good.read(type=kind, ann_file='meta/list.txt') for kind in ('mmmux.ImageFolder', 'CustomDataset'))
        assert [ours.get_data_info(index) for index in range(2)] == [theirs.get_data_info(index) for index in range(2)]

    @pytest.mark.parametrize('line', [
        'cat/1.jpg', 'cat/1.jpg,1', 'cat/1.jpg cat', 'cat/1.jpg 3', 'cat/1.jpg -1', 'cat/1.jpg 1.0', 'cat/1.jpg 1_0', '1',
        'cat/1.jpg \u0661'])
    @pytest.mark.parametrize('test_mode', [False, True])
    def test_with_a_line_that_makes_no_sense(self, good, line, test_mode):
        path = good.write('meta/list.txt', f'dog/1.jpg 0\n\n{line}\nbird/1.jpg 2\n')
        with raises(DatasetError, path, 'line 3', '0 to 2', f"'{line}'"):
            good.read(ann_file='meta/list.txt', test_mode=test_mode)

    def test_that_lacks_a_class_is_named_in_training(self, good, log):
        path = good.write('meta/list.txt', 'cat/1.jpg 1\n')
        good.read(ann_file='meta/list.txt', test_mode=True)
        assert not log.messages
        good.read(ann_file='meta/list.txt')
        (message, ) = log.messages
        assert_facts(message, path, '2 of 3 classes', "'dog'", "'bird'")

    @pytest.mark.parametrize('text', ['', '\n \n'])
    def test_that_is_empty(self, good, text):
        path = good.write('meta/list.txt', text)
        with raises(DatasetError, path):
            good.read(ann_file='meta/list.txt')

    def test_that_is_missing(self, good):
        with raises(DatasetError, good.root / 'meta/list.txt', 'exist', 'ann_file'):
            good.read(ann_file='meta/list.txt')

    def test_of_a_missing_folder(self, good):
        good.write('meta/list.txt', 'cat/1.jpg 1\n')
        with raises(DatasetError, good.root / 'nowhere', 'exist', 'data_prefix'):
            good.read(ann_file='meta/list.txt', data_prefix='nowhere')

    def test_needs_class_names(self, good):
        good.write('meta/list.txt', 'cat/1.jpg 1\n')
        with raises(ConfigError, 'metainfo.classes', good.root / 'meta/list.txt'):
            good.read(ann_file='meta/list.txt', metainfo=None)


class TestPicturesThatCannotBeRead:

    @pytest.fixture
    def listed(self, good):
        good.write('meta/list.txt', 'cat/gone.jpg 1\ncat/1.jpg 1\nbird/1.jpg 2\n')
        good.path('bird/1.jpg').write_bytes(b'not a picture')
        return good

    def test_are_skipped_and_named_in_training(self, listed, log):
        np.random.seed(0)
        dataset = listed.read(ann_file='meta/list.txt', pipeline=LOAD)
        log.clear()
        assert [Path(dataset[index]['img_path']).name for index in (0, 1, 2)] == ['1.jpg'] * 3
        assert all(dataset[index]['gt_label'] == 1 for index in range(3))
        first, second = sorted(log.messages)
        assert_facts(first, listed.path('bird/1.jpg'), 'skipped')
        assert_facts(second, listed.path('cat/gone.jpg'), 'missing', 'skipped')

    @pytest.mark.parametrize('index,name', [(0, 'cat/gone.jpg'), (2, 'bird/1.jpg')])
    def test_are_errors_in_testing(self, listed, index, name):
        dataset = listed.read(ann_file='meta/list.txt', pipeline=[dict(type='mmmux.LoadImage')], test_mode=True)
        with raises(DatasetError, listed.path(name)):
            dataset[index]

    def test_grey_and_16_bit_pictures_have_three_channels_of_8_bit(self, good):
        Image.new('L', (8, 6), 100).save(good.path('bird/1.jpg'))
        Image.fromarray(np.full((6, 8), 100 * 257, np.uint16)).save(good.path('dog/1.png'))
        good.path('dog/1.jpg').unlink()
        dataset = good.read(pipeline=[dict(type='mmmux.LoadImage')])
        for index in range(len(dataset)):
            image = dataset[index]['img']
            assert image.shape == (6, 8, 3) and image.dtype == np.uint8 and np.abs(image.astype(int) - 100).max() <= 2


class TestClassList:

    def test_may_be_a_file(self, good):
        file = good.write('classes.txt', 'dog\ncat\nbird\n\n')
        for changes in (dict(metainfo=dict(classes=str(file))), dict(metainfo=None, classes=str(file)),
                        dict(metainfo=None, classes=CLASSES)):
            dataset = good.read(**changes)
            assert dataset.metainfo['classes'] == CLASSES and labels(dataset) == dict(dog=0, cat=1, bird=2)

    @pytest.mark.parametrize('classes', ['dog', (), 3, (1, 2, 3)])
    @pytest.mark.parametrize('kind', ['mmmux.ImageFolder', 'mmmux.ImageNet', 'mmmux.CIFAR10'])
    def test_that_makes_no_sense(self, good, classes, kind):
        with raises(ConfigError, 'metainfo.classes', kind[6:], repr(classes), 'tuple'):
            good.read(type=kind, metainfo=dict(classes=classes), data_prefix=None)

    def test_that_names_a_class_twice(self, good):
        with raises(ConfigError, 'metainfo.classes', "'dog'") as error:
            good.read(metainfo=dict(classes=('dog', 'cat', 'dog')))
        assert "'cat'" not in str(error.value)

    def test_of_imagenet_with_its_two_cranes_may_be_written_out(self, good):
        from mmpretrain.datasets.categories import IMAGENET_CATEGORIES
        assert IMAGENET_CATEGORIES.count('crane') == 2
        good.write('meta/val.txt', 'cat/1.jpg 517\n')
        dataset = good.read(type='mmmux.ImageNet', metainfo=dict(classes=IMAGENET_CATEGORIES), ann_file='meta/val.txt')
        assert infos(dataset) == [('cat/1.jpg', 517)]


def test_data_root_must_be_given(good):
    for kind in ('mmmux.ImageFolder', 'mmmux.ImageNet', 'mmmux.CIFAR10', 'mmmux.CIFAR100'):
        with raises(ConfigError, 'data_root', kind[6:]):
            good.read(type=kind, data_root=None, data_prefix=None, metainfo=None)


class TestImageNet:

    @pytest.fixture
    def folders(self, pictures):
        """1000 class folders with a picture each, links of one file."""
        pictures.add('one.jpg')
        for number in range(1000):
            folder = pictures.path(f'n{1440764 + 137 * number:08d}')
            folder.mkdir()
            os.link(pictures.path('one.jpg'), folder / '1.JPEG')
        pictures.path('one.jpg').unlink()
        return pictures

    def read(self, pictures, **changes):
        return pictures.read(**{'type': 'mmmux.ImageNet', 'data_prefix': None, 'split': 'train', 'metainfo': None, **changes})

    def test_class_folders_as_mmpretrain_numbers_them(self, folders):
        ours, theirs = self.read(folders), self.read(folders, type='ImageNet')
        assert len(ours) == 1000 and infos(ours) == infos(theirs)
        assert ours.metainfo == theirs.metainfo and ours.metainfo['classes'][0].startswith('tench')

    def test_of_another_number(self, folders):
        (folders.path('n01440764') / '1.JPEG').unlink()
        folders.path('n01440764').rmdir()
        with raises(DatasetError, folders.path(''), '999 class folders', '1000 classes', 'metainfo.classes'):
            self.read(folders)

    def test_named_otherwise(self, folders):
        folders.path('n01440764').rename(folders.path('tench'))
        with raises(DatasetError, folders.path(''), 'n01440764', "'tench'"):
            self.read(folders)

    def test_a_part_of_it(self, good):
        dataset = self.read(good, metainfo=dict(classes=CLASSES))
        assert labels(dataset) == dict(dog=0, cat=1, bird=2)
        with raises(DatasetError, 'metainfo.classes', "'fish'", "'bird'"):
            self.read(good, metainfo=dict(classes=('dog', 'cat', 'fish')))

    def test_meta_of_the_split_is_taken_where_it_exists(self, pictures):
        pictures.add('ILSVRC2012_val_00000001.JPEG')
        pictures.path('').rename(pictures.root / 'val')
        with raises(DatasetError, pictures.root / 'val', pictures.root / 'meta/val.txt'):
            self.read(pictures, split='val', test_mode=True)
        pictures.write('meta/val.txt', 'ILSVRC2012_val_00000001.JPEG 65\n')
        assert infos(self.read(pictures, split='val', test_mode=True)) == [('val/ILSVRC2012_val_00000001.JPEG', 65)]
        pictures.write('meta/val.txt', 'ILSVRC2012_val_00000001.JPEG 1000\n')
        with raises(DatasetError, pictures.root / 'meta/val.txt', 'line 1', '0 to 999', 'ILSVRC2012_val_00000001.JPEG 1000'):
            self.read(pictures, split='val', test_mode=True)

    def test_test_pictures_need_no_labels(self, good):
        good.path('').rename(good.root / 'test')
        dataset = self.read(good, split='test', test_mode=True)
        assert len(dataset) == len(PATHS) and 'gt_label' not in dataset.get_data_info(0)

    def test_unknown_split(self, good):
        with raises(ConfigError, 'split', 'ImageNet', 'train', 'val', 'test', "'valid'"):
            self.read(good, split='valid')


class TestCIFAR:
    """With files in the published layout whose MD5 sums are put in the place of the published ones."""

    @pytest.fixture(params=['CIFAR10', 'CIFAR100'])
    def kind(self, request, tmp_path, monkeypatch):
        from mmmux import datasets
        kind = getattr(datasets, request.param)
        self.files = CIFARFiles(tmp_path, kind)
        self.folder = self.files.folder
        for name, files in self.files.lists.items():
            monkeypatch.setattr(kind, name, files)
        return kind

    @pytest.mark.parametrize('split', ['train', 'test'])
    def test_is_read_as_rgb(self, kind, tmp_path, split):
        dataset = kind(data_root=str(tmp_path), split=split)
        pictures, labels = self.files.pictures[split], self.files.labels[split]
        assert len(dataset) == len(pictures) == 2 * len(self.files.lists[f'{split}_list'])
        assert len(dataset.metainfo['classes']) == int(kind.__name__[5:])
        for index, picture in enumerate(pictures):
            info = dataset.get_data_info(index)
            assert (info['img'] == picture).all() and info['gt_label'] == labels[index]

    def test_is_read_as_bgr_where_the_config_says_so(self, kind, tmp_path):
        info = kind(data_root=str(tmp_path), channel_order='bgr').get_data_info(1)
        assert (info['img'] == self.files.pictures['train'][1][..., ::-1]).all()
        assert (picture_in_memory(info) == self.files.pictures['train'][1]).all()
        with pytest.raises(ConfigError, match=r"channel_order .*'gbr'"):
            kind(data_root=str(tmp_path), channel_order='gbr')

    @pytest.mark.parametrize('split', ['train', 'test'])
    def test_missing_file(self, kind, tmp_path, split):
        path = self.folder / kind.train_list[-1][0]
        path.unlink()
        with raises(DatasetError, path, 'exist', kind.url, f'in {tmp_path}'):
            kind(data_root=str(tmp_path), split=split)

    def test_file_with_code_in_it_is_not_opened(self, kind, tmp_path):
        mark = tmp_path / 'ran'

        class Attack:

            def __reduce__(self):
                return os.mkdir, (str(mark), )

        path = self.folder / kind.test_list[0][0]
        path.write_bytes(pickle.dumps(Attack()))
        with raises(DatasetError, path, kind.test_list[0][1], kind.url, f'in {tmp_path}'):
            kind(data_root=str(tmp_path), split='test')
        assert not mark.exists()

    def test_unknown_split_and_class_count(self, kind, tmp_path):
        with raises(ConfigError, 'split', kind.__name__, 'train', 'test', "'val'"):
            kind(data_root=str(tmp_path), split='val')
        with raises(ConfigError, 'metainfo.classes', kind.__name__, f'{kind.__name__[5:]} classes', 3):
            kind(data_root=str(tmp_path), metainfo=dict(classes=CLASSES))

    def test_published_sums_are_mmpretrains(self):
        from mmpretrain import datasets as theirs

        from mmmux import datasets as ours
        for name in ('CIFAR10', 'CIFAR100'):
            for files in ('train_list', 'test_list', 'base_folder', 'url'):
                assert getattr(getattr(ours, name), files) == getattr(getattr(theirs, name), files)
