import re

import pytest
import torch
from facts import raises
from mmengine.config import Config
from torch.utils.data import DataLoader

from mmmux.config import enable_tta, load, load_config, resume, scale_learning_rate, train_in_mixed_precision
from mmmux.utils.errors import ConfigError

VOC = 'ssdlite/ssdlite_muxnet-m_1xb32-200e_voc0712-320.py'
SCENES = 'c1/c1_muxnet-m-d8_1xb8-300it_scenes-160x160.py'


@pytest.fixture
def write(tmp_path):
    def write(text: str, name: str = 'config.py'):
        path = tmp_path / name
        path.write_text(text)
        return path
    return write


class TestLoadConfig:

    def test_missing_file(self):
        with raises(ConfigError, 'configs/nothing.py'):
            load_config('configs/nothing.py')

    @pytest.mark.parametrize('text,word', [
        ('model = dict(', 'SyntaxError'),
        ('model = undefined', 'undefined'),
        ("_base_ = 'nowhere.py'", 'nowhere.py'),
        ("custom_imports = dict(imports=['no_such_package'])", 'no_such_package'),
        ('raise ValueError("my own check")', 'my own check'),
    ])
    def test_whatever_is_wrong_inside_is_one_sentence(self, write, text, word):
        with raises(ConfigError, 'config.py', word):
            load_config(write(text))

    def test_wrong_kind_of_file(self, write):
        with raises(ConfigError, 'notes.txt'):
            load_config(write('a = 1', 'notes.txt'))

    def test_unlike_anything_known_lists_the_keys(self, configs):
        with raises(ConfigError, "'zzz'", 'model', 'train_dataloader'):
            load_config(configs / VOC, {'zzz': 1})

    @pytest.mark.parametrize('key', ['train_dataloader.dataset.datasets.7.data_root', 'model.backbone.arch.name.first'])
    def test_option_that_reaches_nowhere(self, configs, key):
        with raises(ConfigError, '--cfg-options', key, configs / VOC):
            load_config(configs / VOC, {key: 1})

    def test_options_change_what_they_name(self, configs):
        cfg = load_config(configs / VOC, {'train_dataloader.dataset.datasets.1.data_root': 'here', 'resume': True})
        roots = [dataset.data_root for dataset in cfg.train_dataloader.dataset.datasets]
        assert roots == ['data/VOCdevkit/', 'here'] and cfg.resume is True

    def test_work_dir(self, configs, write):
        assert load_config(configs / VOC).work_dir == 'work_dirs/ssdlite_muxnet-m_1xb32-200e_voc0712-320'
        assert load_config(write('work_dir = "there"')).work_dir == 'there'
        assert load_config(write('work_dir = "there"'), work_dir='here').work_dir == 'here'

    @pytest.mark.parametrize('text', ['a = 1', "env_cfg = dict(dist_cfg=dict(backend='nccl'))"])
    @pytest.mark.parametrize('gpu', [False, True])
    def test_processes_without_gpu_talk_over_gloo(self, write, monkeypatch, text, gpu):
        monkeypatch.setattr(torch.cuda, 'is_available', lambda: gpu)
        alone, together = (load_config(write(text), launcher=launcher) for launcher in ('none', 'pytorch'))
        assert alone.get('env_cfg') == Config.fromfile(write(text)).get('env_cfg')
        assert (together.get('env_cfg', {}).get('dist_cfg', {}).get('backend') == 'gloo') == (not gpu)
        assert (alone.launcher, together.launcher) == ('none', 'pytorch')

    @pytest.mark.parametrize('launcher,gpu,left', [('none', False, True), ('pytorch', True, True), ('pytorch', False, False)])
    def test_processes_without_gpu_synchronize_over_gloo(self, configs, monkeypatch, launcher, gpu, left):
        monkeypatch.setattr(torch.cuda, 'is_available', lambda: gpu)
        cfg, before = (load_config(configs / SCENES, launcher=kind).model for kind in (launcher, 'none'))
        assert str(cfg) == (str(before) if left else str(before).replace("'SyncBN'", "'mmmux.SyncBN'"))
        assert 'SyncBN' in str(before) and (str(cfg) == str(before)) == left


class TestTableOverName:
    """A dict in a child config cannot be merged with a value that is no dict, as an `arch` with a name."""

    TABLE = "dict(stages=[[dict(type='DS', out_channels=8)]], head_channels=16)"

    def test_the_way_that_works_is_named(self, configs, write):
        child = write(f"_base_ = '{configs / VOC}'\nmodel = dict(backbone=dict(arch={self.TABLE}))", 'child.py')
        with raises(ConfigError, child, 'arch', 'str', 'arch=dict(_delete_=True'):
            load_config(child)

    def test_and_works(self, configs, write):
        table = self.TABLE.replace('dict(', 'dict(_delete_=True, ', 1)
        cfg = load_config(write(f"_base_ = '{configs / VOC}'\nmodel = dict(backbone=dict(arch={table}))", 'child.py'))
        assert cfg.model.backbone.arch == dict(stages=[[dict(type='DS', out_channels=8)]], head_channels=16)

    def test_on_the_command_line(self, configs):
        with raises(ConfigError, 'model.backbone.arch.head_channels', configs / VOC, 'arch', 'str', 'arch=dict(_delete_=True'):
            load_config(configs / VOC, {'model.backbone.arch.head_channels': 16})


def test_a_loader_without_processes_has_none_that_persist(configs):
    before = load_config(configs / VOC)
    cfg = load_config(configs / VOC, {'train_dataloader.num_workers': 0, 'train_dataloader.prefetch_factor': 4})
    assert before.train_dataloader.persistent_workers and before.val_dataloader.persistent_workers
    options = {name: cfg.train_dataloader.get(name) for name in ('num_workers', 'persistent_workers', 'prefetch_factor')}
    loader = DataLoader([1], **{name: value for name, value in options.items() if value is not None})
    assert not loader.num_workers and not loader.persistent_workers
    assert cfg.val_dataloader == before.val_dataloader


class TestMixedPrecision:

    def test_without_gpu(self, configs, monkeypatch):
        monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
        with raises(ConfigError, '--amp', 'GPU', 'float32'):
            train_in_mixed_precision(load_config(configs / VOC))

    def test_keeps_the_optimiser_and_its_clipping(self, configs, monkeypatch):
        monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
        cfg = load_config(configs / VOC)
        before = cfg.optim_wrapper.to_dict()
        train_in_mixed_precision(cfg)
        assert cfg.optim_wrapper.to_dict() == {**before, 'type': 'AmpOptimWrapper', 'loss_scale': 'dynamic'}


    def test_bf16_needs_a_processor_that_has_it(self, configs, monkeypatch):
        monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
        monkeypatch.setattr(load, 'cpu_has_bfloat16', lambda: False)
        with pytest.raises(ConfigError, match='--amp bf16'):
            train_in_mixed_precision(load_config(configs / VOC), 'bf16')

    @pytest.mark.parametrize('gpu', [False, True])
    def test_bf16_keeps_the_optimiser_and_its_clipping(self, configs, monkeypatch, gpu):
        monkeypatch.setattr(torch.cuda, 'is_available', lambda: gpu)
        monkeypatch.setattr(torch.cuda, 'is_bf16_supported', lambda: gpu)
        monkeypatch.setattr(load, 'cpu_has_bfloat16', lambda: not gpu)
        cfg = load_config(configs / VOC)
        before = cfg.optim_wrapper.to_dict()
        cfg.optim_wrapper.loss_scale = 'dynamic'
        train_in_mixed_precision(cfg, 'bf16')
        assert cfg.optim_wrapper.to_dict() == {**before, 'type': 'mmmux.Bf16OptimWrapper'}

    def test_mmengines_wrapper_takes_its_type_of_number_from_the_command_line(self, configs):
        cfg = load_config(configs / VOC, {'optim_wrapper.type': 'AmpOptimWrapper', 'optim_wrapper.dtype': 'bfloat16'})
        assert (cfg.optim_wrapper.type, cfg.optim_wrapper.dtype) == ('AmpOptimWrapper', 'bfloat16')
        with pytest.raises(ConfigError) as error:  # OptimWrapper has none
            load_config(configs / VOC, {'optim_wrapper.dtype': 'bfloat16'})
        assert '--amp bf16' in str(error.value) and 'optim_wrapper.type=AmpOptimWrapper' in str(error.value)


class TestScaleLearningRate:

    @pytest.mark.parametrize('text', ['a = 1', 'auto_scale_lr = dict(enable=False)'])
    def test_without_base_batch_size(self, write, text):
        with raises(ConfigError, '--auto-scale-lr', 'auto_scale_lr.base_batch_size'):
            scale_learning_rate(load_config(write(text)))

    def test_every_config_of_ours_has_one(self, configs):
        for path in [*(configs / 'ssdlite').glob('*.py'), *(configs / 'classification').glob('*.py')]:
            cfg = load_config(path)
            scale_learning_rate(cfg)
            # The file name says for how many processes and pictures: 8xb24 is 192.
            processes, pictures = re.search(r'_(\d+)xb(\d+)[-_]', path.stem).groups()
            assert cfg.auto_scale_lr == dict(enable=True, base_batch_size=int(processes) * int(pictures))


@pytest.mark.parametrize('given,load_from', [('auto', None), ('epoch_3.pth', 'epoch_3.pth')])
def test_resume(configs, given, load_from):
    cfg = load_config(configs / VOC)
    resume(cfg, given)
    assert (cfg.resume, cfg.load_from) == (True, load_from)


def test_resume_with_the_new_schedule(configs):
    cfg = load_config(configs / VOC)
    hooks = list(cfg.custom_hooks)
    resume(cfg, 'auto', new_schedule=True)
    assert cfg.custom_hooks == [*hooks, dict(type='mmmux.ResumedScheduleHook', new_schedule=True)]


class TestAugmentation:

    @pytest.mark.parametrize('gone', ['tta_model', 'tta_pipeline'])
    def test_needs_both_keys(self, configs, gone):
        cfg = load_config(configs / VOC)
        cfg.pop(gone)
        with raises(ConfigError, '--tta', gone, 'configs/_base_'):
            enable_tta(cfg)

    def test_reaches_the_data_set_inside_wrappers(self, configs):
        cfg = load_config(configs / VOC)
        cfg.test_dataloader.dataset = dict(type='RepeatDataset', times=1, dataset=cfg.test_dataloader.dataset)
        detector = cfg.model
        enable_tta(cfg)
        assert cfg.test_dataloader.dataset.dataset.pipeline == cfg.tta_pipeline
        assert cfg.model.type == 'DetTTAModel' and cfg.model.module == detector
        assert cfg.val_dataloader.dataset.pipeline != cfg.tta_pipeline  # validation stays as it is
