"""Evaluations that train: the config of a trial, and its results, for each of the three tasks."""
import json
from pathlib import Path

import numpy as np
import pytest
from facts import assert_facts, raises
from mmengine.config import Config
from PIL import Image

from mmmux.checkpoints.safe_loading import load_checkpoint_file
from mmmux.config import load_config
from mmmux.datasets import drawn_scenes, drawn_shapes
from mmmux.search.executors import LocalExecutor
from mmmux.search.settings import read_settings
from mmmux.search.training import config_text
from mmmux.search.trial_factory import Trials
from mmmux.search.trial_process import TrialResult, TrialSpec, trial_folder
from mmmux.tasks import Segmentation
from mmmux.utils.errors import ConfigError

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')


@pytest.fixture
def cfg():
    """A detector's config, for two epochs."""
    return load_config(CONFIGS / 'ssdlite/ssdlite_muxnet-m_1xb16-25e_shapes-160.py', {'train_cfg.max_epochs': 2})


def hooks(cfg: Config) -> dict:
    return {hook['type']: hook for hook in cfg.custom_hooks}


def test_what_an_evaluation_changes(cfg):
    before = cfg.pretty_text
    cfg_ = Config.fromstring(config_text(cfg, 'pascal_voc/mAP', seed=7), '.py')
    assert cfg.pretty_text == before
    assert cfg_.model == cfg.model and cfg_.train_dataloader == cfg.train_dataloader
    assert cfg_.randomness.seed == 7 and 'work_dir' not in cfg_
    assert (cfg_.train_cfg.max_epochs, cfg_.train_cfg.val_interval, cfg_.train_cfg.val_begin) == (2, 2, 1)
    assert cfg_.default_hooks.checkpoint is None and cfg_.default_hooks.logger == cfg.default_hooks.logger
    assert hooks(cfg_)['mmmux.FiniteLossHook']['interval'] == 1 and 'mmmux.CheckpointMatchHook' in hooks(cfg_)
    assert len(hooks(cfg_)) == len(cfg_.custom_hooks)
    assert config_text(cfg, 'pascal_voc/mAP', seed=7) == cfg_.pretty_text


def test_weights_are_kept_and_inherited(cfg):
    cfg.custom_imports = dict(imports='mmmux.deploy', allow_failed_imports=False)
    cfg_ = Config.fromstring(config_text(cfg, 'pascal_voc/mAP', 7, inherit='/there/weights.pth', keep_weights=True), '.py')
    checkpoint = cfg_.default_hooks.checkpoint
    assert (checkpoint.interval, checkpoint.save_last, checkpoint.filename_tmpl) == (-1, True, 'weights.pth')
    assert hooks(cfg_)['mmmux.InheritWeightsHook']['checkpoint'] == '/there/weights.pth'
    assert cfg_.custom_imports == dict(imports=['mmmux.deploy', 'mmmux.search.weights'], allow_failed_imports=False)


def test_a_config_that_is_only_tested_is_validated_so(cfg):
    loader, evaluator = cfg.pop('val_dataloader'), cfg.pop('val_evaluator')
    cfg.pop('val_cfg')
    cfg_ = Config.fromstring(config_text(cfg, 'pascal_voc/mAP', 0), '.py')
    assert (cfg_.val_dataloader, cfg_.val_evaluator, cfg_.val_cfg) == (loader, evaluator, dict(type='ValLoop'))
    cfg.pop('test_dataloader')
    with raises(ConfigError, 'val_dataloader', 'test_dataloader'):
        config_text(cfg, 'pascal_voc/mAP', 0)


def detector(folder: Path) -> tuple[Config, str, float]:
    pytest.importorskip('mmdet')
    drawn_shapes.draw_data_set(folder, train=8, test=4, size=96)
    return _small('ssdlite/ssdlite_muxnet-m_1xb16-25e_shapes-160.py', folder, {'train_cfg.max_epochs': 1}), 'pascal_voc/mAP', 1


def segmentor(folder: Path) -> tuple[Config, str, float]:
    pytest.importorskip('mmseg')
    drawn_scenes.draw_data_set(folder, train=6, val=4, size=96)
    return _small('c1/c1_muxnet-m-d8_1xb8-300it_scenes-160x160.py', folder, {
        'train_cfg.max_iters': 2, 'model.data_preprocessor.size': (96, 96)}), 'mIoU', 100


def classifier(folder: Path) -> tuple[Config, str, float]:
    pytest.importorskip('mmpretrain')
    cfg = _small('classification/muxnet-xs_1xb128-25e_cifar10-folders-32.py', folder, {'train_cfg.max_epochs': 1})
    random = np.random.default_rng(0)
    for part in ('train', 'val'):
        for name in cfg.train_dataloader.dataset.metainfo.classes:
            (folder / part / name).mkdir(parents=True)
            Image.fromarray(random.integers(0, 255, (32, 32, 3), np.uint8)).save(folder / part / name / '0.png')
    return cfg, 'accuracy/top1', 100


def _small(name: str, data: Path, options: dict) -> Config:
    per_loader = {f'{loader}.{key}': value for loader in LOADERS for key, value in (
        ('num_workers', 0), ('persistent_workers', False), ('dataset.data_root', str(data)))}
    return load_config(CONFIGS / name, {**per_loader, 'train_dataloader.batch_size': 4, **options})


def test_a_trial_that_its_task_refuses(tmp_path):
    """It is refused before it starts, with the short schedule in its config."""
    cfg = load_config(CONFIGS / 'search/c1_camvid.py')
    cfg.search.schedule = {'model.data_preprocessor.size': (64, 64)}
    settings = read_settings(cfg)
    with raises(ConfigError, '(96, 128)', '(64, 64)'):
        Trials(settings, cfg, tmp_path, Segmentation()).spec(0, 0, settings.starts[0], [])


@pytest.mark.slow
@pytest.mark.parametrize('task', [
    detector, *(pytest.param(task, marks=pytest.mark.nightly) for task in (segmentor, classifier))])
def test_trained_and_measured(task, tmp_path):
    """One training keeps its weights; a second one diverges, because its learning rate is too high."""
    cfg, metric, best = task(tmp_path / 'data')

    def spec(index: int) -> TrialSpec:
        return TrialSpec(0, index, (index, ), trial_folder(tmp_path, 0, index), 3, metric, best, keep_weights=True,
                         function='mmmux.search.training:train_and_validate', time_limit=500,
                         config=config_text(cfg, metric, seed=3, keep_weights=True))

    good = spec(0)
    cfg.merge_from_dict({'optim_wrapper.optimizer.lr': 1e30, 'optim_wrapper.clip_grad': None, 'param_scheduler': []})
    bad = spec(1)
    results = {spec.index: result for spec, result in LocalExecutor(2).run([good, bad])}
    log = (good.folder / 'trial.log').read_text()
    assert results[0].status == 'done', log[-3000:]
    (scalars, ) = good.folder.glob('*/vis_data/scalars.json')
    reported = [json.loads(line) for line in scalars.read_text().splitlines()]
    (value, ) = (line[metric] for line in reported if metric in line)
    assert results[0].metric == pytest.approx(value) and results[0].error == pytest.approx(1 - value / best)
    state = load_checkpoint_file(good.folder / 'weights.pth')
    assert 'optimizer' not in state and all(tensor.isfinite().all() for tensor in state['state_dict'].values())
    assert 'training: 100%' in log and log.count('\n') < 60
    assert results[1].status == 'nan'
    assert_facts(results[1].reason, 'loss')
    assert not (bad.folder / 'weights.pth').exists()
    assert TrialResult.read(bad.folder) == results[1]
