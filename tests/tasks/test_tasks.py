"""The task of a config, and the changes and checks of each task."""
import runpy
import sys
from pathlib import Path

import pytest
import torch
from facts import assert_facts, raises
from mmengine.config import Config

from mmmux.config import enable_tta, load_config
from mmmux.tasks import TASKS, Classification, Detection, MultiLabelClassification, Segmentation, Task, find_task, task_of
from mmmux.utils.errors import ConfigError

ROOT = Path(__file__).resolve().parents[2]
VOC = 'ssdlite/ssdlite_muxnet-m_1xb32-200e_voc0712-320.py'
SCENES = 'c1/c1_muxnet-m-d8_1xb8-300it_scenes-160x160.py'
CIFAR = 'classification/muxnet-m_1xb96-50e_cifar100-224.py'
CHEST = 'classification/muxnet-m_1xb64-30e_chestxray14-224.py'


def check(cfg: Config) -> None:
    task_of(cfg).check_training(cfg)


@pytest.fixture
def write(tmp_path):
    def to_file(text: str) -> Path:
        (tmp_path / 'config.py').write_text(text)
        return tmp_path / 'config.py'

    return to_file


class TestTaskOf:

    @pytest.mark.parametrize(('config', 'task'), [
        (VOC, Detection), (SCENES, Segmentation), (CIFAR, Classification), (CHEST, MultiLabelClassification)])
    def test_of_our_configs(self, configs, config, task):
        assert type(task_of(load_config(configs / config))) is task

    @pytest.mark.parametrize(('evaluators', 'task'), [
        ([dict(type='Accuracy'), dict(type='mmmux.AUROC')], MultiLabelClassification),
        ([dict(type='Accuracy'), dict(type='MulticlassAUROC')], Classification)])
    def test_of_several_evaluators(self, evaluators, task):
        assert type(task_of(Config(dict(default_scope='mmpretrain', test_evaluator=evaluators)))) is task

    def test_a_config_may_name_it(self):
        assert type(task_of(Config(dict(default_scope='mmpretrain', task='Segmentation')))) is Segmentation

    @pytest.mark.parametrize('config', [dict(default_scope='mmengine'), {}])
    def test_none(self, config):
        assert find_task(Config(config)) is None
        with raises(ConfigError, 'default_scope', config.get('default_scope'), 'mmdet', 'mmseg', 'mmpretrain', 'task'):
            task_of(Config(config))

    def test_a_variable_of_the_configs_own_is_no_name(self):
        assert type(task_of(Config(dict(default_scope='mmseg', task=dict(name='lanes'))))) is Segmentation

    def test_unknown_name(self):
        with raises(ConfigError, "'Depth'", 'Detection', 'Segmentation', 'Classification', 'custom_imports'):
            find_task(Config(dict(default_scope='mmdet', task='Depth')))


def test_a_page_of_a_task_without_results_is_refused(write, monkeypatch, capsys, tmp_path):
    class Bare(Task):
        draw = None

    monkeypatch.setitem(TASKS.module_dict, 'Bare', Bare)
    config, page = write("task = 'Bare'"), tmp_path / 'page.md'
    monkeypatch.setattr(sys, 'argv', [
        'report.py', '--run', 'a', str(config), str(tmp_path / 'work'), '--title', 'T', '--out', str(page)])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(ROOT / 'tools/analysis_tools/report.py'), run_name='__main__')
    assert ended.value.code == 2
    assert_facts(capsys.readouterr().err.splitlines()[-1], 'Bare', config, 'docs/tasks.md')
    assert not page.exists() and Bare.name == 'bare'


class TestShowDir:

    def test_without_hook(self, write):
        with raises(ConfigError, '--show-dir', 'default_hooks.visualization', "dict(type='DetVisualizationHook')"):
            Detection().draw_in_test(load_config(write('a = 1')), Path('drawn'))

    def test_detection_gets_an_absolute_folder(self, configs, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        cfg = load_config(configs / VOC)
        task_of(cfg).draw_in_test(cfg, Path('drawn'))
        hook = cfg.default_hooks.visualization
        assert hook.draw and hook.test_out_dir == str(tmp_path / 'drawn')

    @pytest.mark.parametrize(('config', 'hook'), [
        (SCENES, dict(type='mmmux.SegPredictionsHook', overlay_dir='drawn')),
        (CIFAR, dict(type='mmmux.ClsPredictionsHook', out_dir='drawn'))])
    def test_others_are_one_more_hook(self, configs, config, hook):
        cfg, before = load_config(configs / config), load_config(configs / config)
        task_of(cfg).draw_in_test(cfg, Path('drawn'))
        assert cfg.custom_hooks == [*before.custom_hooks, hook] and cfg.default_hooks == before.default_hooks

    def test_where_there_are_no_hooks(self, write):
        cfg = load_config(write('default_scope = "mmseg"'))
        task_of(cfg).draw_in_test(cfg, Path('drawn'))
        assert cfg.custom_hooks == [dict(type='mmmux.SegPredictionsHook', overlay_dir='drawn')]


class TestOut:

    @pytest.mark.parametrize('path', ['results.json', 'results', 'pkl'])
    @pytest.mark.parametrize('config', [VOC, CIFAR])
    def test_suffix(self, configs, config, path):
        with raises(ConfigError, f'--out {path}', '.pkl'):
            cfg = load_config(configs / config)
            task_of(cfg).dump_in_test(cfg, Path(path))

    @pytest.mark.parametrize('several', [False, True])
    @pytest.mark.parametrize('config', [VOC, CIFAR])
    def test_is_one_more_evaluator(self, configs, config, several):
        cfg = load_config(configs / config)
        first = cfg.test_evaluator
        cfg.test_evaluator = [first] if several else first
        task_of(cfg).dump_in_test(cfg, Path('results.pkl'))
        assert cfg.test_evaluator == [first, dict(type='DumpResults', out_file_path='results.pkl')]

    @pytest.mark.parametrize('folder', ['maps', 'out.d/maps', '.hidden', 'results/v1.2'])
    def test_segmentation_writes_label_maps_into_a_folder(self, configs, folder):
        cfg, before = load_config(configs / SCENES), load_config(configs / SCENES)
        task_of(cfg).dump_in_test(cfg, Path(folder))
        assert cfg.custom_hooks == [*before.custom_hooks, dict(type='mmmux.SegPredictionsHook', label_map_dir=folder)]
        assert cfg.test_evaluator == before.test_evaluator

    @pytest.mark.parametrize('path', ['maps.png', 'results.pkl', 'a_file'])
    def test_segmentation_writes_no_file(self, configs, path, tmp_path):
        (tmp_path / 'a_file').touch()
        with raises(ConfigError, f'--out {tmp_path / path}', 'folder'):
            Segmentation().dump_in_test(load_config(configs / SCENES), tmp_path / path)

    def test_segmentation_writes_and_draws_at_once(self, configs):
        cfg = load_config(configs / SCENES)
        task_of(cfg).dump_in_test(cfg, Path('maps'))
        task_of(cfg).draw_in_test(cfg, Path('drawn'))
        written = [(hook.get('label_map_dir'), hook.get('overlay_dir')) for hook in cfg.custom_hooks[-2:]]
        assert written == [('maps', None), (None, 'drawn')]


class TestCrop:

    @pytest.fixture
    def segmentor(self, configs):
        def load(crop, size, size_divisor=None):
            cfg = load_config(configs / SCENES)
            cfg.model.data_preprocessor.update(size=size, size_divisor=size_divisor)
            cfg.train_dataloader.dataset.pipeline.insert(2, dict(type='RandomCrop', crop_size=crop))
            return cfg
        return load

    @pytest.mark.parametrize('crop', [(64, 96), (63, 96), (64, 95), (32, 32), (65, 96), (64, 97), (96, 64), 64, 65, 97])
    @pytest.mark.parametrize('size,size_divisor', [((64, 96), None), (None, 32), (None, None), ((64, 96), 32)])
    def test_passes_where_mmseg_can_stack_a_crop_and_a_smaller_picture(self, segmentor, crop, size, size_divisor):
        from mmseg.utils import stack_batch
        sides = (crop, crop) if isinstance(crop, int) else crop
        try:
            stack_batch([torch.zeros(3, *sides), torch.zeros(3, 16, 16)], size=size, size_divisor=size_divisor)
        except (AssertionError, RuntimeError):
            either = (size is None) != (size_divisor is None)
            facts = ('crop_size', sides, size) if either else (f'size={size}', f'size_divisor={size_divisor}')
            with raises(ConfigError, 'model.data_preprocessor', *facts):
                check(segmentor(crop, size, size_divisor))
        else:
            check(segmentor(crop, size, size_divisor))

    def test_message_names_both_sizes(self, segmentor):
        with raises(ConfigError, 'crop_size (96, 64)', 'model.data_preprocessor.size (64, 96)'):
            check(segmentor((96, 64), (64, 96)))

    def test_reaches_the_pipeline_inside_wrappers(self, segmentor):
        cfg = segmentor((65, 64), (64, 64))
        for _ in range(2):
            cfg.train_dataloader.dataset = dict(type='RepeatDataset', times=2, dataset=cfg.train_dataloader.dataset)
        with raises(ConfigError, 'crop_size (65, 64)'):
            check(cfg)

    @pytest.mark.parametrize('change', [dict(default_scope='mmdet'), {'model.data_preprocessor.type': 'DetDataPreprocessor'}])
    def test_passes_other_models(self, segmentor, change):
        cfg = segmentor((65, 64), (64, 64))
        with raises(ConfigError, 'crop_size (65, 64)'):
            check(cfg)
        cfg.merge_from_dict(change)
        check(cfg)


class TestSlidingWindow:

    @staticmethod
    def check(configs, **test_cfg) -> None:
        options = {f'model.test_cfg.{key}': value for key, value in test_cfg.items()}
        cfg = load_config(configs / SCENES, options)
        task_of(cfg).check_model(cfg)

    @pytest.mark.parametrize('test_cfg', [
        {}, dict(mode='slide', crop_size=(64, 48), stride=(64, 32)), dict(mode='slide', crop_size=[64, 64], stride=[1, 64])])
    def test_whole(self, configs, test_cfg):
        self.check(configs, **test_cfg)

    @pytest.mark.parametrize('test_cfg,key,value', [
        (dict(mode='slide'), 'crop_size', None),
        (dict(mode='slide', crop_size=(64, 64)), 'stride', None),
        (dict(mode='slide', crop_size=64, stride=(32, 32)), 'crop_size', 64),
        (dict(mode='slide', crop_size=(64, 64), stride=(32, 0)), 'stride', (32, 0)),
        (dict(mode='slide', crop_size=(64, 64), stride=(32, 65)), 'stride', (32, 65)),
    ])
    def test_is_refused(self, configs, test_cfg, key, value):
        with raises(ConfigError, f'model.test_cfg.{key}', value, 'crop_size', 'stride'):
            self.check(configs, **test_cfg)

    def test_with_augmented_testing(self, configs):
        cfg = load_config(configs / SCENES, {'model.test_cfg.mode': 'slide'})
        enable_tta(cfg)
        with raises(ConfigError, 'model.test_cfg.crop_size'):
            task_of(cfg).check_model(cfg)
