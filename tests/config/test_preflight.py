import re
import shutil

import pytest
from facts import raises

from mmmux.config import check_checkpoint, check_data, load_config
from mmmux.utils.errors import CheckpointError, DatasetError

LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')
SHAPES = 'ssdlite/ssdlite_muxnet-m_1xb16-25e_shapes-160.py'
VOC = 'ssdlite/ssdlite_muxnet-m_1xb32-200e_voc0712-320.py'
COCO = 'ssdlite/ssdlite_muxnet-m_8xb24-600e_coco-320.py'
FOLDERS = 'classification/muxnet-m_1xb128-25e_cifar10-folders-32.py'


def roots(path) -> dict:
    return {f'{loader}.dataset.data_root': str(path) for loader in LOADERS}


@pytest.fixture
def copy(shapes, tmp_path):
    return shutil.copytree(shapes, tmp_path / 'copy')


def test_complete_data_passes(configs, shapes):
    check_data(load_config(configs / SHAPES, roots(shapes)), LOADERS)


@pytest.mark.parametrize('config,first', [
    (SHAPES, 'train_dataloader.dataset'),
    (VOC, 'train_dataloader.dataset.datasets.0'),
    (COCO, 'train_dataloader.dataset.dataset'),
])
def test_missing_data_root_names_the_key_to_set(configs, tmp_path, config, first):
    """The option in the message works as it stands: with it, the next error is about the annotation file."""
    cfg = load_config(configs / config)
    for key in (first, 'val_dataloader.dataset'):
        cfg.merge_from_dict({f'{key}.data_root': str(tmp_path / 'nowhere')})
    with raises(DatasetError, tmp_path / 'nowhere', f'{first}.data_root') as error:
        check_data(cfg, LOADERS)
    option = re.search(r'--cfg-options (\S+)=\.\.\.', str(error.value))[1]
    assert option == f'{first}.data_root'
    corrected = load_config(configs / config, {option: str(tmp_path)})
    with raises(DatasetError, f'{first}.ann_file'):
        check_data(corrected, LOADERS)


@pytest.mark.parametrize('gone,key', [
    ('VOC2007/ImageSets/Main/test.txt', 'val_dataloader.dataset.ann_file'),
    ('VOC2007/ImageSets/Main/trainval.txt', 'train_dataloader.dataset.ann_file'),
    ('VOC2007', 'train_dataloader.dataset.ann_file'),
])
def test_missing_part(configs, copy, gone, key):
    path = copy / gone
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with raises(DatasetError, key, copy / gone):
        check_data(load_config(configs / SHAPES, roots(copy)), LOADERS)


def test_missing_prefix(configs, shapes):
    options = {**roots(shapes), 'val_dataloader.dataset.data_prefix.sub_data_root': 'VOC2012/'}
    cfg = load_config(configs / SHAPES, options)
    with raises(DatasetError, 'val_dataloader.dataset.data_prefix.sub_data_root', shapes / 'VOC2012'):
        check_data(cfg, LOADERS)


class TestClassFolders:
    """Their prefix is a string, as mmpretrain allows."""

    @pytest.fixture
    def folders(self, tmp_path):
        for name in ('train', 'val'):
            (tmp_path / name).mkdir()
        return tmp_path

    def test_complete_data_passes(self, configs, folders):
        cfg = load_config(configs / FOLDERS, roots(folders))
        assert cfg.train_dataloader.dataset.data_prefix == 'train'
        check_data(cfg, LOADERS)

    @pytest.mark.parametrize('gone', ['train', 'val'])
    def test_missing_folder_is_named(self, configs, folders, gone):
        (folders / gone).rmdir()
        with raises(DatasetError, folders / gone, f'{gone}_dataloader.dataset.data_prefix'):
            check_data(load_config(configs / FOLDERS, roots(folders)), LOADERS)


def test_only_the_loaders_in_use_count(configs, shapes, tmp_path):
    options = {**roots(shapes), 'train_dataloader.dataset.data_root': str(tmp_path / 'gone')}
    cfg = load_config(configs / SHAPES, options)
    check_data(cfg, ('test_dataloader', ))
    cfg.train_dataloader = None
    check_data(cfg, LOADERS)


def test_annotations_of_an_evaluator(configs, tmp_path):
    """COCO's evaluator reads its own file: moving the data set alone is not enough."""
    (tmp_path / 'annotations').mkdir()
    (tmp_path / 'annotations/instances_val2017.json').touch()
    (tmp_path / 'val2017').mkdir()
    options = {'val_dataloader.dataset.data_root': str(tmp_path)}
    with raises(DatasetError, 'val_evaluator.ann_file', 'data/coco/annotations/instances_val2017.json') as error:
        check_data(load_config(configs / COCO, options), ('val_dataloader', ))
    option = re.search(r'--cfg-options (\S+)=\.\.\.', str(error.value))[1]
    options[option] = str(tmp_path / 'annotations/instances_val2017.json')
    check_data(load_config(configs / COCO, options), ('val_dataloader', ))


@pytest.mark.parametrize('key', ['data_root', 'ann_file', 'data_prefix.sub_data_root'])
def test_servers_are_not_asked(configs, shapes, key):
    cfg = load_config(configs / SHAPES, {**roots(shapes), f'train_dataloader.dataset.{key}': 's3://bucket/data'})
    check_data(cfg, LOADERS)


def test_checkpoint(tmp_path):
    with raises(CheckpointError, 'gone.pth', '--resume', 'exist'):
        check_checkpoint('gone.pth', '--resume')
    with raises(CheckpointError, 'CHECKPOINT', 'empty'):  # "$(cat gone)" in a shell
        check_checkpoint('', 'CHECKPOINT')
    (tmp_path / 'here.pth').touch()
    for path in (None, tmp_path / 'here.pth', 'https://example.com/a.pth', 'torchvision://resnet50'):
        check_checkpoint(path, 'load_from')
