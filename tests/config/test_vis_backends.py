"""Backends of mmengine's visualizer by one option, and a sentence where one is not installed."""
import importlib.util

import pytest
from mmengine.registry import VISBACKENDS

from mmmux.config import load_config
from mmmux.config.vis_backends import BACKENDS, add_vis_backends, check_vis_backends
from mmmux.utils.errors import ConfigError


@pytest.fixture
def cfg(configs):
    return load_config(configs / 'ssdlite/ssdlite_muxnet-m_1xb16-25e_shapes-160.py')


def types(cfg) -> list[str]:
    return [backend['type'] for backend in cfg.visualizer.vis_backends]


def test_every_backend_of_mmengine_is_known():
    theirs = {name for name in VISBACKENDS.module_dict if name.endswith('VisBackend')}
    assert {kind for kind, _ in BACKENDS.values()} == theirs


def test_backends_are_added_once(cfg):
    add_vis_backends(cfg, ['tensorboard', 'local', 'wandb'])
    assert types(cfg) == ['LocalVisBackend', 'TensorboardVisBackend', 'WandbVisBackend']
    add_vis_backends(cfg, ['wandb'])
    assert len(types(cfg)) == 3


def test_a_config_without_a_visualizer(cfg):
    cfg.visualizer = None
    with pytest.raises(ConfigError, match='visualizer'):
        add_vis_backends(cfg, ['wandb'])
    check_vis_backends(cfg)


@pytest.mark.parametrize('name', [name for name, (_, module) in BACKENDS.items() if module])
def test_what_is_not_installed_is_named_with_its_key(cfg, monkeypatch, name):
    kind, module = BACKENDS[name]
    add_vis_backends(cfg, [name])
    monkeypatch.setattr('mmmux.config.vis_backends.find_spec', lambda asked: None if asked == module else object())
    with pytest.raises(ConfigError) as error:
        check_vis_backends(cfg)
    assert all(fact in str(error.value) for fact in ('visualizer.vis_backends.1', kind, f'pip install {module}'))
    monkeypatch.setattr('mmmux.config.vis_backends.find_spec', lambda asked: object())
    check_vis_backends(cfg)


def test_the_backends_of_the_config_are_there(cfg):
    check_vis_backends(cfg)
    assert importlib.util.find_spec('mmengine')
