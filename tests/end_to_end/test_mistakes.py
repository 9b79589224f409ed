"""Mistakes in a config: the tools end with one sentence and status 2, or do as the user meant."""
from pathlib import Path

import pytest
import small_trainings
import torch
from facts import assert_facts, find_line
from mmengine.registry import init_default_scope
from PIL import Image

from mmmux.config import load_config

PPM = """
_base_ = 'segmentor.py'
model = dict(decode_head=dict(
    _delete_=True, type='PSPHead', in_channels=200, in_index=-1, channels=16, pool_scales=(1, 2), num_classes=6,
    norm_cfg=dict(type='BN'), align_corners=False, loss_decode=dict(type='CrossEntropyLoss')))
"""
LATE = """
_base_ = 'segmentor.py'
param_scheduler = [dict(type='PolyLR', eta_min=0, begin=50, by_epoch=False)]
"""


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Configs of a detector and a segmentor, with last levels of 1 x 1 cells and pools of 1 x 1, and their data."""
    folder = tmp_path_factory.mktemp('small')
    small_trainings.detector(folder)
    small_trainings.segmentor(folder)
    for name, text in (('ppm.py', PPM), ('late.py', LATE)):
        (folder / name).write_text(text)
    return folder


@pytest.fixture
def untrained(tmp_path):
    """Write the weights of an untrained model of a config."""
    def write(config: Path) -> Path:
        from mmengine.registry import MODELS
        cfg = load_config(config)
        init_default_scope(cfg.default_scope)
        torch.save(dict(state_dict=MODELS.build(cfg.model).state_dict(), meta={}), tmp_path / 'untrained.pth')
        return tmp_path / 'untrained.pth'

    return write


@pytest.mark.parametrize('name,options,facts', [
    ('detector.py', ['train_dataloader.batch_size=1'],
     ('train_dataloader.batch_size', 1, 'model.neck.extra_layers.0.1.depthwise_conv.bn')),
    ('detector.py', ['train_dataloader.batch_size=7'],
     ('train_dataloader.batch_size', 7, 8, 'train_dataloader.drop_last=True')),
    ('ppm.py', ['train_dataloader.batch_size=1'], ('train_dataloader.batch_size', 1, 'model.decode_head.psp_modules.0.1.bn')),
    ('late.py', [], ('param_scheduler.0.begin=50', 'train_cfg.max_iters=12')),
    ('segmentor.py', ['model.test_cfg.mode=slide'], ('model.test_cfg.mode', 'model.test_cfg.crop_size', 'stride')),
])
def test_training_is_refused(fails, folder, tmp_path, name, options, facts):
    options = ['--cfg-options', *options] if options else []
    assert_facts(fails('train.py', folder / name, '--work-dir', tmp_path / 'work', *options), *facts)
    assert not list(tmp_path.glob('work/*.pth'))


def test_test_pictures_of_different_sizes(fails, folder, untrained, tmp_path):
    picture = sorted((folder / 'scenes/images/validation').iterdir())[0]
    for path in (picture, *(folder / 'scenes/annotations/validation').glob(f'{picture.stem}.*')):
        Image.open(path).crop((0, 0, 64, 32)).save(path)
    sentence = fails('test.py', folder / 'segmentor.py', untrained(folder / 'segmentor.py'), '--work-dir', tmp_path / 'work',
                     '--cfg-options', 'test_dataloader.dataset.pipeline.1.keep_ratio=True')
    assert_facts(sentence, 'test_dataloader.batch_size', 8, '160 x 160', '160 x 80')


@pytest.mark.slow
def test_detectors_are_compared_with_their_data(tool, folder, untrained, tmp_path, capsys):
    """Loading processes that persist are left out where there are none."""
    tool('test.py', folder / 'detector.py', untrained(folder / 'detector.py'), '--work-dir', tmp_path / 'work', '--cfg-options',
         'model.test_cfg.max_per_img=1', 'test_dataloader.persistent_workers=True')
    printed = ''.join(capsys.readouterr())
    find_line(printed, 'model.test_cfg.max_per_img=1')
