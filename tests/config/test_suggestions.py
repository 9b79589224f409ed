"""A misspelt name in a config is reported with its place and the nearest accepted name."""
import sys

import pytest
from facts import assert_facts, raises
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.registry import DATASETS, HOOKS, MODELS
from reliability_record import record
from torch.utils.data import DataLoader

import mmmux  # noqa: F401
from mmmux.config.suggestions import check_names, check_option, explained
from mmmux.utils.errors import ConfigError, DatasetError

BACKBONE = dict(type='mmmux.MUXNet', arch='m', out_indices=(4, ))
CONFIG = dict(model=dict(type='Detector', backbone=BACKBONE, heads=[dict(type='Head'), dict(type='Head', width=1)]),
              train_dataloader=dict(batch_size=2, num_workers=0), train_cfg=dict(type='EpochBasedTrainLoop', max_epochs=2),
              env_cfg=dict(cudnn_benchmark=False), default_hooks=dict(checkpoint=dict(type='CheckpointHook')))


def config(**changes) -> Config:
    return Config({**CONFIG, **changes})


def check_message(cfg: Config, build, *facts: str) -> None:
    with raises(ConfigError, *facts) as error, explained(cfg):
        build()
    assert str(error.value).isprintable()


class TestBuilding:

    @pytest.mark.parametrize('wrong,meant', [('ouput_stride', 'output_stride'), ('out_indexes', 'out_indices'),
                                             ('archh', 'arch'), ('norm_config', 'norm_cfg')])
    def test_argument(self, wrong, meant):
        cfg = config(model=dict(type='Detector', backbone={**BACKBONE, wrong: 1}))
        check_message(cfg, lambda: MODELS.build(cfg.model.backbone), 'model.backbone', 'mmmux.MUXNet', f"'{wrong}'",
                      f"'{meant}'")

    def test_argument_unlike_any_lists_those_there_are(self):
        cfg = config(model=dict(BACKBONE, zzzz=1))
        check_message(cfg, lambda: MODELS.build(cfg.model), 'model', "'zzzz'", 'arch', 'out_indices')

    def test_argument_of_a_class_that_hands_on_what_it_does_not_know(self):
        @MODELS.register_module(name='HandsOn', force=True)
        class HandsOn(MODELS.get('mmmux.MUXNet')):

            def __init__(self, depth: int = 1, **options):
                super().__init__(**options)

        cfg = config(model=dict(BACKBONE, type='HandsOn', out_indice=(1, )))
        check_message(cfg, lambda: MODELS.build(cfg.model), 'model', 'HandsOn', "'out_indice'", "'out_indices'")

    def test_data_loader_has_no_type(self):
        cfg = config(train_dataloader=dict(batchsize=2, num_workers=0, batch_sampler=None))
        check_message(cfg, lambda: DataLoader([1], **cfg.train_dataloader), 'train_dataloader', "'batchsize'", 'DataLoader')

    def test_missing_argument(self):
        @HOOKS.register_module(name='NeedsInterval', force=True)
        class NeedsInterval(Hook):

            def __init__(self, interval, **others):
                self.interval = interval

        cfg = config(custom_hooks=[dict(type='NeedsInterval', intervall=3)])
        check_message(cfg, lambda: HOOKS.build(cfg.custom_hooks[0]), 'custom_hooks.0', 'NeedsInterval', "'interval'",
                      "'intervall'")

    @pytest.mark.parametrize('wrong,meant', [('mmmux.MUXNt', 'mmmux.MUXNet'), ('MUXNeet', 'MUXNet')])
    def test_type(self, wrong, meant):
        cfg = config(model=dict(type='Detector', backbone=dict(BACKBONE, type=wrong)))
        check_message(cfg, lambda: MODELS.build(cfg.model.backbone), 'model.backbone.type', f"'{wrong}'", f"'{meant}'")

    def test_data_set(self):
        cfg = config(train_dataloader=dict(dataset=dict(type='ConcatDatset', datasets=[])))
        check_message(cfg, lambda: DATASETS.build(cfg.train_dataloader.dataset), 'train_dataloader.dataset.type',
                      "'ConcatDatset'", "'ConcatDataset'")

    @pytest.mark.parametrize('error', [TypeError("unsupported operand type(s) for +: 'int' and 'str'"), KeyError('bbox'),
                                       RuntimeError('CUDA out of memory'), DatasetError('a.jpg is missing'),
                                       TypeError("f() got an unexpected keyword argument 'nowhere_in_the_config'")])
    def test_other_errors_stay_what_they_are(self, error):
        with pytest.raises(type(error)) as raised, explained(config()):
            raise error
        assert raised.value is error


class TestMissingPackages:
    """Backends are imported when they are first used."""

    def test_of_a_visualizer(self, monkeypatch, tmp_path):
        from mmengine.registry import VISUALIZERS
        monkeypatch.setitem(sys.modules, 'wandb', None)  # an import of it fails, whether it is installed or not
        backends = [dict(type='LocalVisBackend'), dict(type='WandbVisBackend')]
        cfg = config(visualizer=dict(type='Visualizer', vis_backends=backends))

        def log() -> None:
            VISUALIZERS.build(dict(cfg.visualizer, name=str(tmp_path), save_dir=str(tmp_path))).add_scalar('loss', 1.)

        check_message(cfg, log, 'visualizer.vis_backends.1.type', "'WandbVisBackend'", 'wandb')

    def test_of_files(self, monkeypatch):
        from mmengine.fileio import get
        monkeypatch.setitem(sys.modules, 'petrel_client', None)
        cfg = config(train_dataloader=dict(dataset=dict(type='D', backend_args=dict(backend='petrel'))))
        check_message(cfg, lambda: get('s3://a/b.jpg', backend_args=cfg.train_dataloader.dataset.backend_args.to_dict()),
                      'train_dataloader.dataset.backend_args.backend', "'petrel'", 'petrel_client')

    def test_of_something_that_the_config_does_not_name(self):
        def fail() -> None:
            raise ImportError('Caught ImportError in DataLoader worker process 0.\n  File "a.py"\nImportError: no tifffile')

        check_message(config(), fail, 'tifffile')


class TestNames:

    @pytest.mark.parametrize('changes,wrong,meant', [
        (dict(optim_wraper={}), 'optim_wraper', 'optim_wrapper'),
        (dict(load_form='a.pth'), 'load_form', 'load_from'),
        (dict(env_cfg=dict(cudnn_benchmrak=True)), 'env_cfg.cudnn_benchmrak', 'cudnn_benchmark'),
        (dict(default_hooks=dict(chekpoint={})), 'default_hooks.chekpoint', 'checkpoint'),
        (dict(auto_scale_lr=dict(base_batchsize=8)), 'auto_scale_lr.base_batchsize', 'base_batch_size'),
    ])
    def test_that_nothing_reads(self, changes, wrong, meant):
        with raises(ConfigError, f"'{wrong}'", f"'{meant}'"):
            check_names(config(**changes))

    @pytest.mark.parametrize('name', ['dataset_type', 'data_root', 'train_pipeline', 'test_pipeline', 'classes', 'vis_backend',
                                      'model_wrapper', 'img_norm_cfg', 'optimizer', 'lr', 'max_epochs'])
    def test_of_a_configs_own_are_fine(self, name):
        check_names(config(**{name: 1}))

    @pytest.mark.slow
    def test_every_config_here_is_fine(self, configs):
        paths = sorted(configs.glob('*/*.py'))
        for path in paths:
            check_names(Config.fromfile(path))
        assert len(paths) > 20
        record('hostile input', "configs' own names that are taken for misspelt", tried=len(paths), lost=0, of='configs')


class TestOptions:

    @pytest.mark.parametrize('key,place,wrong,meant', [
        ('model.bacbone.arch', 'model', 'bacbone', 'backbone'),
        ('model.backbone.ouput_stride', 'model.backbone', 'ouput_stride', 'output_stride'),
        ('train_dataloader.batchsize', 'train_dataloader', 'batchsize', 'batch_size'),
        ('train_cfg.max_epoch', 'train_cfg', 'max_epoch', 'max_epochs'),
        ('default_hooks.chekpoint.interval', 'default_hooks', 'chekpoint', 'checkpoint'),
        ('trian_cfg.max_epochs', None, 'trian_cfg', 'train_cfg'),
    ])
    def test_misspelt(self, key, place, wrong, meant):
        with raises(ConfigError, '--cfg-options', f"'{key}'", *([f"'{place}'"] if place else []), f"'{wrong}'", f"'{meant}'"):
            check_option(key, config())

    @pytest.mark.parametrize('key', ['model.backbone.output_stride', 'model.heads.1.width', 'model.neck.type', 'resume',
                                     'train_dataloader.pin_memory', 'env_cfg.mp_cfg.mp_start_method', 'load_from',
                                     'train_cfg.val_interval', 'param_scheduler.0.end'])
    def test_that_add_something_are_fine(self, key):
        check_option(key, config())


def test_a_wrong_option_is_reported_as_argparse_does(capsys):
    import argparse

    from mmmux.utils import cli
    parser = argparse.ArgumentParser()
    cli.add_run_options(parser)
    assert parser.parse_args(['config.py', '--cfg-options', 'a.b=1', 'c=x']).cfg_options == {'a.b': 1, 'c': 'x'}
    for wrong in ('no equals sign', 'a=[1,(2]'):
        with pytest.raises(SystemExit) as ended:
            parser.parse_args(['config.py', '--cfg-options', wrong])
        assert ended.value.code == 2
        assert_facts(capsys.readouterr().err.splitlines()[-1], '--cfg-options', wrong, 'KEY=VALUE')
