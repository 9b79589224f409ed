"""Segmentors with our own tools and with mmseg's."""
import json
import re
import shutil
from pathlib import Path

import mmseg
import numpy as np
import pytest
import torch
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


def test_training_turns_syncbn_into_bn_and_says_so_once(trained):
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
    # Of all pictures, whichever process saw them.
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


@pytest.fixture
def copy(scenes, tmp_path):
    """A data set to spoil."""
    return shutil.copytree(scenes, tmp_path / 'data')


def spoil(path: Path, change) -> Path:
    change(np.array(Image.open(path))).save(path)
    return path


def with_value(labels: np.ndarray) -> Image.Image:
    labels[3, 4] = 9
    return Image.fromarray(labels)


class TestBadInput:
    """One sentence, status 2, and nothing trained on."""

    def fails(self, fails, data, tmp_path, *more) -> str:
        sentence = fails('train.py', CONFIG, '--work-dir', tmp_path / 'work', *options_for(data), *more)
        assert not list((tmp_path / 'work').glob('*.pth'))
        return sentence

    def test_label_beyond_the_classes(self, fails, copy, tmp_path):
        for path in (copy / 'annotations/training').iterdir():
            spoil(path, with_value)
        sentence = self.fails(fails, copy, tmp_path)
        assert re.search(r'annotations/training/\d+\.png has the value 9 in 1 pixels.* 6 classes are numbered 1 to 6', sentence)

    def test_label_map_of_another_size(self, fails, checkpoint, copy, tmp_path):
        first = sorted((copy / 'annotations/validation').iterdir())[0]
        spoil(first, lambda labels: Image.fromarray(labels[:-7]))
        sentence = fails('test.py', CONFIG, checkpoint, '--work-dir', tmp_path / 'work', *options_for(copy))
        assert f'{first} is 96 x 89 pixels' in sentence and '96 x 96' in sentence

    def test_label_map_in_colour(self, fails, checkpoint, copy, tmp_path):
        first = sorted((copy / 'annotations/validation').iterdir())[0]
        spoil(first, lambda labels: Image.fromarray(labels).convert('RGB'))
        sentence = fails('test.py', CONFIG, checkpoint, '--work-dir', tmp_path / 'work', *options_for(copy))
        assert f'{first} is in colour (3 channels)' in sentence

    def test_training_skips_single_bad_label_maps_and_names_them(self, tool, copy, tmp_path, capsys):
        first, *_ = sorted((copy / 'annotations/training').iterdir())
        first.write_bytes(first.read_bytes()[:40])
        tool('train.py', CONFIG, '--work-dir', tmp_path / 'work', *options_for(copy), 'train_dataloader.sampler.shuffle=False')
        printed = ''.join(capsys.readouterr())
        assert len(re.findall(rf'{first} .*cannot be read.* and is skipped', printed)) == 1
        assert (tmp_path / 'work/iter_2.pth').is_file()

    def test_empty_validation_folder(self, fails, copy, tmp_path):
        for path in (copy / 'images/validation').iterdir():
            path.unlink()
        sentence = self.fails(fails, copy, tmp_path)
        assert 'images/validation gives no picture that can be used: it holds no *.jpg' in sentence

    def test_crop_larger_than_the_padded_picture(self, fails, copy, tmp_path):
        config = tmp_path / 'crop.py'
        steps = Config.fromfile(CONFIG).train_dataloader.dataset.pipeline
        crop = dict(type='RandomCrop', crop_size=(128, 96))
        config.write_text(f'_base_ = {str(CONFIG)!r}\n'
                          f'train_dataloader = dict(dataset=dict(pipeline={[*(dict(step) for step in steps[:2]), crop]}))\n')
        sentence = fails('train.py', config, '--work-dir', tmp_path / 'work', *options_for(copy))
        assert 'crop_size (128, 96)' in sentence and 'data_preprocessor.size (96, 96)' in sentence

    def test_classes_that_do_not_fit_the_head(self, fails, scenes, tmp_path):
        sentence = self.fails(fails, scenes, tmp_path, 'model.auxiliary_head.num_classes=7')
        assert 'model.auxiliary_head.num_classes is 7' in sentence and 'train_dataloader has 6 classes' in sentence

    @pytest.mark.parametrize('name', ['maps.png', 'predictions.pkl', 'a_file'])
    def test_out_must_be_a_folder(self, fails, checkpoint, tmp_path, name):
        (tmp_path / 'a_file').touch()
        assert f'{name} must be a folder' in fails('test.py', CONFIG, checkpoint, '--out', tmp_path / name)

    def test_testing_without_labels(self, fails, checkpoint, options, tmp_path):
        sentence = fails('test.py', CONFIG, checkpoint, '--work-dir', tmp_path, *options,
                         'test_dataloader.dataset.data_prefix.seg_map_path=None')
        assert 'has no label map to compare with' in sentence and 'test_evaluator.format_only=True' in sentence

    def test_class_list_of_another_length_or_data_set(self, fails, scenes, tmp_path):
        two = [f"{loader}.dataset.metainfo.classes=('sky','ground')" for loader in LOADERS]
        sentence = fails('train.py', CONFIG, '--work-dir', tmp_path, *options_for(scenes), *two)
        assert 'decode_head.num_classes is 6' in sentence and 'train_dataloader has 2 classes' in sentence
        sentence = fails('train.py', CONFIG, '--work-dir', tmp_path, *options_for(scenes), two[0])
        assert all(word in sentence for word in ('train_dataloader', 'val_dataloader', '(sky, ground)', '(sky, ground, circle'))
