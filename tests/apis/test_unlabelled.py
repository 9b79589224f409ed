"""Pictures without annotations are predicted as those of the test data, by all three tasks."""
from pathlib import Path

import pytest
from facts import raises
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import DATASETS, init_default_scope
from PIL import Image

from mmmux.apis import predict_only
from mmmux.config import enable_tta, load_config
from mmmux.utils.errors import ConfigError

CONFIGS = {
    'ssdlite/ssdlite_muxnet-m_1xb16-25e_shapes-160.py': ('circle', 'square', 'triangle', 'cross'),
    'c1/c1_muxnet-m-d8_1xb8-300it_scenes-160x160.py': ('sky', 'ground', 'circle', 'square', 'triangle', 'cross'),
    'classification/muxnet-xs_1xb128-25e_cifar10-folders-32.py': None}


@pytest.fixture
def folder(tmp_path):
    for name in ('b.png', 'sub/a.png'):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new('RGB', (50, 40), 'red').save(tmp_path / name)
    return tmp_path


@pytest.mark.parametrize('augmented', [False, True])
@pytest.mark.parametrize('config', CONFIGS)
def test_batches(configs, config, augmented, folder):
    cfg = load_config(configs / config)
    predict_only(cfg, [folder])
    if augmented:
        enable_tta(cfg)
    init_default_scope(cfg.default_scope)
    dataset = DATASETS.build(cfg.test_dataloader.dataset)
    assert [Path(dataset.get_data_info(index)['img_path']) for index in range(len(dataset))] == [
        folder / 'b.png', folder / 'sub/a.png']
    assert dataset.metainfo['classes'] == (CONFIGS[config] or dataset.metainfo['classes']) and cfg.test_evaluator == []
    batch = pseudo_collate([dataset[0], dataset[1]])
    sample = batch['data_samples'][0][0] if augmented else batch['data_samples'][0]
    assert sample.img_path == str(folder / 'b.png') and not any(key.startswith('gt_sem') for key in list(sample.keys()))


def test_files_from_here_and_from_anywhere(configs, folder, monkeypatch):
    monkeypatch.chdir(folder)
    cfg = load_config(configs / next(iter(CONFIGS)))
    predict_only(cfg, ['b.png', folder / 'sub/a.png'])
    assert cfg.test_dataloader.dataset.pictures == ['b.png', str(folder / 'sub/a.png')]


def test_videos_are_left_to_the_demo(configs, tmp_path):
    with raises(ConfigError, tmp_path / 'clip.mp4', 'tools/image_demo.py'):
        predict_only(Config(dict(test_dataloader=dict())), [tmp_path / 'clip.mp4'])
