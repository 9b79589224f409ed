import pytest

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


@pytest.mark.parametrize('options,words', [
    (dict(evaluatoins=3), "search has no key 'evaluatoins': did you mean 'evaluations'"),
    (dict(space={}), "search space is empty: 'stages'"),
    (dict(space=None), "search needs 'space'"),
    (dict(metric=''), "search needs 'metric'"),
    (dict(size=(32, )), r'search.size must be \(height, width\) in pixels, from 32 up, got'),
    (dict(size=(16, 32)), 'from 32 up'),
    (dict(best=0), 'search.best must be a number above 0'),
    (dict(objectives=('params', 'macs')), "search.objectives must be a list .* 'error' among them"),
    (dict(objectives=('error', 'speed')), 'at least two of error, params, macs, latency'),
    (dict(objectives=('error', 'latency')), "is needed with the objective 'latency'"),
    (dict(latency=dict(runtime='onnx')), "is needed with the objective 'latency', and only then"),
    (dict(budgets=dict(latency=3)), 'search.budgets must be a dict of numbers above 0 for params and macs'),
    (dict(budgets=dict(params='2M')), 'search.budgets must be'),
    (dict(evaluations=0), 'search.evaluations must be a whole number from 1 up, got 0'),
    (dict(evaluations=8, initial=16), 'search.initial must be at most search.evaluations, 8, got 16'),
    (dict(batch=True), 'search.batch must be a whole number from 1 up, got True'),
    (dict(strategy='moead'), "search.strategy must be a dict with 'type', got 'moead'"),
    (dict(time_limit=-1), 'search.time_limit must be a number of seconds above 0, or None'),
    (dict(seed=-1), 'search.seed must be a whole number from 0 up, got -1'),
    (dict(analytic='yes'), 'search.analytic must be True'),
    (dict(analytic=True), 'search.analytic trains nothing: leave out search.network'),
    (dict(starts=('xl', )), "'xl' of search.starts cannot be used: arch 'xl' of MUXNet is not known"),
    (dict(network='model.backbone'), "is a 'mmmux.WithoutEarlyStrides': did you mean 'model.backbone.backbone'"),
    (dict(network='model.trunk'), "search.network names 'model.trunk', but the config has no 'trunk' in 'model': it has type"),
    (dict(channels={'model.head.in_channels': 8}), r"search.channels\['model.head.in_channels'\] must be from 0 to 7"),
    (dict(channels={'model.head.in_channels': 6}),
     'follow stage 6, but it is 1280 .* have 24, 24, 40, 80, 112, 160, 200, 1280 channels'),
    (dict(channels={'model.head.channels': 7}),
     "search.channels names 'model.head.channels', but the config has no 'channels'"),
    (dict(schedule={'train_cfg.max_epoch': 2}), "search.schedule names 'train_cfg.max_epoch', but .* has no 'max_epoch'"),
    (dict(schedule={'param_scheduler.7.end': 2}), "search.schedule names 'param_scheduler.7.end', but the config has no '7'"),
])
def test_bad_value_is_told_in_a_sentence(search, options, words):
    with pytest.raises(ConfigError, match=words) as told:
        search('cifar10', **options)
    assert '\n' not in str(told.value)


def test_choice_that_the_network_does_not_build(configs):
    cfg = load_config(configs / 'search/c1_camvid.py', {'search.space.head_channels': (1280, 1536)})
    with pytest.raises(ConfigError, match=r'search.space chooses head_channels from \(1280, 1536\), which model.backbone does '
                       r'not build: its out_indices are \(4, 6\)'):
        read_settings(cfg)


def test_config_without_a_search(configs):
    with pytest.raises(ConfigError, match="the config has no field 'search'"):
        read_settings(load_config(configs / 'c1/c1_muxnet-m-d8_1xb4-1200it_camvid-192x256.py'))
