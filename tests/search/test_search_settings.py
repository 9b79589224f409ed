import pytest
from facts import raises

from mmmux.config import load_config
from mmmux.models import ARCHITECTURES
from mmmux.search.candidate_config import evaluation_config
from mmmux.search.settings import read_settings
from mmmux.utils.errors import ConfigError

SEARCHES = ['ssdlite_bccd', 'c1_camvid', 'cifar10']


@pytest.fixture
def search(configs):
    """A search config with options set, read."""
    def read(name: str, **options):
        cfg = load_config(configs / f'search/{name}.py')
        for key, value in options.items():
            cfg.search[key] = value
        return cfg, read_settings(cfg)

    return read


@pytest.mark.parametrize('name', SEARCHES)
def test_start_is_the_family_network(search, name):
    _, settings = search(name)
    arch = settings.space.decode(settings.starts[0])
    assert arch.stages == ARCHITECTURES['s'].stages


@pytest.mark.parametrize('name,expected', [
    ('ssdlite_bccd', {'model.backbone.arch.head_channels': 1280, 'model.neck.in_channels': (24, 88, 1280),
                      'model.neck.out_channels': (24, 88, 1280, 512, 256, 256),
                      'model.bbox_head.in_channels': (24, 88, 1280, 512, 256, 256), 'train_cfg.max_epochs': 6}),
    ('c1_camvid', {'model.decode_head.in_channels': 152, 'model.auxiliary_head.in_channels': 88,
                   'model.decode_head.channels': 50, 'train_cfg.max_iters': 120,
                   'model.data_preprocessor.size': (96, 128)}),
    ('cifar10', {'model.head.in_channels': 1280, 'model.backbone.removed': 1, 'train_cfg.max_epochs': 1}),
])
def test_a_genome_becomes_the_tasks_config(search, name, expected):
    cfg, settings = search(name)
    before = cfg.pretty_text
    task = evaluation_config(cfg, settings, settings.starts[0])
    for key, value in expected.items():
        node = task
        for part in key.split('.'):
            node = node[part]
        assert node == value
    assert 'search' not in task and cfg.pretty_text == before


def test_analytic_search_needs_its_size_alone(search):
    _, settings = search('analytic')
    assert settings.analytic == {} and settings.network == '' and settings.objectives == ('error', 'params', 'macs')


@pytest.mark.parametrize('options,facts', [
    (dict(evaluatoins=3), ['search', "'evaluatoins'", "'evaluations'"]),
    (dict(space={}), ['search space', "'stages'", None]),
    (dict(space=None), ['search', "'space'", 'configs/search']),
    (dict(metric=''), ['search', "'metric'", 'configs/search']),
    (dict(size=(32, )), ['search.size', '(height, width)', 'pixels', 32, '(32,)']),
    (dict(size=(16, 32)), ['search.size', 32, '(16, 32)']),
    (dict(best=0), ['search.best', 'above 0', 'got 0']),
    (dict(objectives=('params', 'macs')), ['search.objectives', "'error'", "('params', 'macs')"]),
    (dict(objectives=('error', 'speed')), ['search.objectives', 'error, params, macs, latency', "('error', 'speed')"]),
    (dict(objectives=('error', 'latency')), ['search.latency', "'latency'", 'search.objectives', None, 'error, latency']),
    (dict(latency=dict(runtime='onnx')), ['search.latency', "'latency'", 'search.objectives', {'runtime': 'onnx'}]),
    (dict(budgets=dict(latency=3)), ['search.budgets', 'params and macs', {'latency': 3}]),
    (dict(budgets=dict(params='2M')), ['search.budgets', 'above 0', {'params': '2M'}]),
    (dict(evaluations=0), ['search.evaluations', 'from 1', 'got 0']),
    (dict(evaluations=8, initial=16), ['search.initial', 'search.evaluations', 8, 16]),
    (dict(initial=1, starts=('s', 'm')), ['search.starts', 'search.initial', 1, 2]),
    (dict(batch=True), ['search.batch', 'from 1', True]),
    (dict(strategy='moead'), ['search.strategy', "'type'", "'moead'"]),
    (dict(time_limit=-1), ['search.time_limit', 'seconds', 'above 0', None, -1]),
    (dict(seed=-1), ['search.seed', 'from 0', -1]),
    (dict(analytic='yes'), ['search.analytic', True, "'yes'"]),
    (dict(analytic=True), ['search.analytic', 'search.network']),
    (dict(starts=('xl', )), ['search.starts', "'xl'", "'xs', 's', 'm', 'l'"]),
    (dict(network='model.backbone'), ['search.network', "'mmmux.WithoutEarlyStrides'", "'model.backbone.backbone'"]),
    (dict(network='model.trunk'), ['search.network', "'model.trunk'", 'backbone']),
    (dict(channels={'model.head.in_channels': 8}), ["search.channels['model.head.in_channels']", '0 to 7', 8]),
    (dict(channels={'model.head.in_channels': 6}),
     ["search.channels['model.head.in_channels']", 6, 1280, '24, 24, 40, 80, 112, 160, 200, 1280']),
    (dict(channels={'model.head.channels': 7}), ['search.channels', "'model.head.channels'", 'in_channels']),
    (dict(schedule={'train_cfg.max_epoch': 2}), ['search.schedule', "'train_cfg.max_epoch'", 'max_epochs']),
    (dict(schedule={'param_scheduler.7.end': 2}), ['search.schedule', "'param_scheduler.7.end'"]),
])
def test_a_wrong_value_is_refused(search, options, facts):
    with raises(ConfigError, *facts):
        search('cifar10', **options)


def test_choice_that_the_network_does_not_build(configs):
    cfg = load_config(configs / 'search/c1_camvid.py', {'search.space.head_channels': (1280, 1536)})
    with raises(ConfigError, 'search.space', 'head_channels', '(1280, 1536)', 'model.backbone', 'out_indices', '(4, 6)'):
        read_settings(cfg)


def test_config_without_a_search(configs):
    with raises(ConfigError, "'search'", 'configs/search'):
        read_settings(load_config(configs / 'c1/c1_muxnet-m-d8_1xb4-1200it_camvid-192x256.py'))
