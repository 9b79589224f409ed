"""Segmentors with our own tools and with mmseg's."""
import json
import re
import shutil
from pathlib import Path

import mmseg
import numpy as np
import pytest
import torch
from facts import assert_facts
from metric_reference import read_label_maps, segmentation_metrics
from mmengine.config import Config
from PIL import Image

from mmmux.checkpoints.safe_loading import load_checkpoint_file
from mmmux.datasets.drawn_scenes import CLASSES, draw_data_set

pytestmark = pytest.mark.slow

CONFIG = Path(__file__).resolve().parents[2] / 'configs/c1/c1_muxnet-m-d8_1xb8-300it_scenes-160x160.py'
LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')


@pytest.fixture(scope='session')
def scenes(tmp_path_factory):
    """Six drawn scenes to train on and four to test on."""
    return draw_data_set(tmp_path_factory.mktemp('scenes'), train=6, val=4, size=96)


def options_for(data: Path) -> list[str]:
    """--cfg-options for two iterations."""
    in_this_process = [f'{loader}.{key}' for loader in LOADERS for key in ('num_workers=0', 'persistent_workers=False')]
    return ['--cfg-options', *(f'{loader}.dataset.data_root={data}' for loader in LOADERS), *in_this_process,
            'train_dataloader.batch_size=2', 'train_cfg.max_iters=2', 'train_cfg.val_interval=2', 'param_scheduler.0.end=1',
            'param_scheduler.1.begin=1', 'param_scheduler.1.end=2', 'default_hooks.checkpoint.interval=2',
            'default_hooks.logger.interval=1', 'model.data_preprocessor.size=(96,96)']


@pytest.fixture(scope='session')
def options(scenes):
    return options_for(scenes)


@pytest.fixture(scope='session')
def trained(tool_in, options, tmp_path_factory):
    """The work dir of two iterations with tools/train.py."""
    folder = tmp_path_factory.mktemp('segmentor')
    tool_in(folder, 'train.py', CONFIG, '--work-dir', folder / 'work', *options)
    return folder / 'work'


@pytest.fixture
def checkpoint(trained):
    return trained / 'iter_2.pth'


def test_training_replaces_syncbn_by_bn_and_logs_it_once(trained):
    (log, ) = trained.glob('*/*.log')
    assert 'SyncBN' in CONFIG.parents[1].joinpath('_base_/models/c1.py').read_text()
    assert len(re.findall(r'SyncBatchNorm.* reverted to BatchNorm', log.read_text())) == 1
    checkpoint = load_checkpoint_file(trained / 'iter_2.pth')
    assert checkpoint['meta']['iter'] == 2 and tuple(checkpoint['meta']['dataset_meta']['classes']) == CLASSES
    (scalars, ) = trained.glob('*/vis_data/scalars.json')
    losses = [json.loads(line)['loss'] for line in scalars.read_text().splitlines() if '"loss"' in line]
    assert len(losses) == 2 and np.isfinite(losses).all() and '"mIoU"' in scalars.read_text()


@pytest.mark.nightly
def test_two_processes_without_a_gpu_train_and_test(two_processes, options, scenes, tmp_path):
    tools = CONFIG.parents[2] / 'tools'
    two_processes(tools / 'train.py', CONFIG, '--launcher', 'pytorch', '--work-dir', tmp_path, *options, cwd=tmp_path)
    two_processes(tools / 'test.py', CONFIG, tmp_path / 'iter_2.pth', '--launcher', 'pytorch', '--work-dir', tmp_path,
                  '--out', tmp_path / 'maps', *options, cwd=tmp_path)
    # The metrics are those of the pictures of both processes.
    expected = segmentation_metrics(read_label_maps(tmp_path / 'maps', scenes / 'annotations/validation'), CLASSES, first=1)
    assert json.loads((tmp_path / 'metrics.json').read_text()) == pytest.approx(expected, abs=0.01)


def test_label_maps_in_the_data_sets_numbering_give_the_reported_metrics(tool, checkpoint, options, scenes, tmp_path):
    tool('test.py', CONFIG, checkpoint, '--work-dir', tmp_path, '--out', tmp_path / 'maps', '--show-dir', tmp_path / 'seen',
         *options)
    expected = segmentation_metrics(read_label_maps(tmp_path / 'maps', scenes / 'annotations/validation'), CLASSES, first=1)
    assert json.loads((tmp_path / 'metrics.json').read_text()) == pytest.approx(expected, abs=0.01)
    # An overlay for every picture, with a legend beside it.
    names = sorted(path.stem for path in (scenes / 'images/validation').iterdir())
    assert sorted(path.stem for path in (tmp_path / 'seen').iterdir()) == names
    assert all(Image.open(path).width > 96 + 60 for path in (tmp_path / 'seen').iterdir())


def test_label_maps_of_pictures_without_labels(tool, checkpoint, options, tmp_path):
    tool('test.py', CONFIG, checkpoint, '--work-dir', tmp_path, '--out', tmp_path / 'maps', *options,
         'test_dataloader.dataset.data_prefix.seg_map_path=None', 'test_evaluator.format_only=True')
    maps = [np.asarray(Image.open(path)) for path in (tmp_path / 'maps').iterdir()]
    assert len(maps) == 4 and all(set(seen.flat) <= set(range(1, len(CLASSES) + 1)) for seen in maps)


def test_image_demo_of_weights_alone_takes_the_classes_of_the_config(tool, checkpoint, scenes, tmp_path):
    torch.save(load_checkpoint_file(checkpoint)['state_dict'], tmp_path / 'weights.pth')
    (picture, *_) = sorted((scenes / 'images/validation').iterdir())
    for name, weights in (('whole', checkpoint), ('alone', tmp_path / 'weights.pth')):
        tool('image_demo.py', picture, CONFIG, weights, '--out-dir', tmp_path / name, '--device', 'cpu')
    assert (tmp_path / 'whole' / picture.name).read_bytes() == (tmp_path / 'alone' / picture.name).read_bytes()


def test_several_scales_and_flips(tool, checkpoint, options, tmp_path):
    tool('test.py', CONFIG, checkpoint, '--tta', '--work-dir', tmp_path, '--out', tmp_path / 'maps', *options)
    metrics = json.loads((tmp_path / 'metrics.json').read_text())
    assert {'mIoU', 'mAcc', 'aAcc'} <= set(metrics) and 0 <= metrics['mIoU'] <= 100
    assert all(Image.open(path).size == (96, 96) for path in (tmp_path / 'maps').iterdir())


def test_image_demo(tool, checkpoint, scenes, tmp_path, capsys):
    pictures = sorted((scenes / 'images/validation').iterdir())[:2]
    tool('image_demo.py', *pictures, CONFIG, checkpoint, '--out-dir', tmp_path / 'seen', '--device', 'cpu')
    assert capsys.readouterr().out.count(str(tmp_path / 'seen')) == 2
    for picture in pictures:
        drawn = Image.open(tmp_path / 'seen' / picture.name)
        assert drawn.size[0] > 160 and drawn.crop((0, 0, 96, 96)).tobytes() != Image.open(picture).tobytes()


def test_report(tool, trained, options, tmp_path):
    work = shutil.copytree(trained, tmp_path / 'work')
    tool('test.py', CONFIG, work / 'iter_2.pth', '--work-dir', work, *options)
    page = tmp_path / 'docs/scenes.md'
    tool('report.py', '--run', 'MUXNet-m', CONFIG, work, '--title', 'Drawn scenes', '--pictures', 2, '--out', page)
    metrics = json.loads((work / 'metrics.json').read_text())
    lines = page.read_text().splitlines()
    assert any(line.startswith(f'| MUXNet-m | {metrics["mIoU"]:.2f} | {metrics["aAcc"]:.2f} |') for line in lines)
    assert f'| sky | {metrics["IoU/sky"]:.2f} |' in lines
    (run, ) = json.loads(page.with_suffix('.json').read_text())['runs']
    assert (run['batch'], run['size'], run['iterations'], run['epochs']) == (2, [160, 160], 2, None)
    assert len(list(page.with_suffix('').glob('*.jpg'))) == 2 and page.with_suffix('.png').is_file()


def test_mmsegs_train_and_test_run_our_config(forked_program, options, tmp_path):
    tools = Path(mmseg.__file__).parent / '.mim/tools'
    forked_program(tools / 'train.py', CONFIG, '--work-dir', tmp_path, *options, cwd=tmp_path)
    printed = forked_program(tools / 'test.py', CONFIG, tmp_path / 'iter_2.pth', '--work-dir', tmp_path / 'test', *options,
                             cwd=tmp_path)
    assert re.search(r'aAcc: \S+ +mIoU: \S+ +mAcc: \S+ +IoU/sky', printed)


def test_crop_larger_than_the_padded_picture(fails, options, tmp_path):
    config = tmp_path / 'crop.py'
    steps = Config.fromfile(CONFIG).train_dataloader.dataset.pipeline
    crop = dict(type='RandomCrop', crop_size=(128, 96))
    config.write_text(f'_base_ = {str(CONFIG)!r}\n'
                      f'train_dataloader = dict(dataset=dict(pipeline={[*(dict(step) for step in steps[:2]), crop]}))\n')
    sentence = fails('train.py', config, '--work-dir', tmp_path / 'work', *options)
    assert_facts(sentence, 'crop_size', '(128, 96)', 'data_preprocessor.size', '(96, 96)')


def test_class_list_of_another_length_or_data_set(fails, scenes, tmp_path):
    two = [f"{loader}.dataset.metainfo.classes=('sky','ground')" for loader in LOADERS]
    sentence = fails('train.py', CONFIG, '--work-dir', tmp_path, *options_for(scenes), *two)
    assert_facts(sentence, 'model.decode_head.num_classes', 6, 'train_dataloader', '2 classes')
    sentence = fails('train.py', CONFIG, '--work-dir', tmp_path, *options_for(scenes), two[0])
    assert_facts(sentence, 'train_dataloader.dataset', 'val_dataloader.dataset', '(sky, ground)')
