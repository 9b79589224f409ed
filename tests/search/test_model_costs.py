import numpy as np
import pytest
from facts import raises
from mmengine.config import Config

from mmmux.analysis.complexity import classifier_complexity, model_complexity
from mmmux.config import load_config
from mmmux.models import ARCHITECTURES
from mmmux.search.candidate_config import evaluation_config
from mmmux.search.model_costs import ModelComplexity, make_costs
from mmmux.search.settings import SearchSettings, read_settings
from mmmux.search.space import SearchSpace
from mmmux.utils.errors import ConfigError

NEEDS = {'ssdlite_bccd': 'mmdet', 'c1_camvid': 'mmseg', 'cifar10': 'mmpretrain'}


@pytest.mark.slow
@pytest.mark.parametrize('name,size', [
    ('ssdlite_bccd', (160, 160)), ('ssdlite_bccd', (161, 203)), ('c1_camvid', (96, 128)), ('c1_camvid', (99, 101)),
    ('cifar10', (32, 32)), ('cifar10', (45, 33)),
])
def test_equals_the_counted_model(configs, name, size):
    pytest.importorskip(NEEDS[name])
    cfg = load_config(configs / f'search/{name}.py', {'search.size': size})
    settings = read_settings(cfg)
    costs = make_costs(cfg, settings)
    genomes = settings.space.sample(3, np.random.default_rng(7))
    for genome, params, macs in zip(genomes, costs.params(genomes), costs.macs(genomes)):
        total = model_complexity(evaluation_config(cfg, settings, genome), *size)['total']
        assert (total.params, total.macs) == (params, macs)


@pytest.mark.slow
def test_a_network_of_the_family_costs_what_its_own_config_does(configs):
    """MUXNet-m in the space against the detector of MUXNet-m that ships."""
    pytest.importorskip('mmdet')
    cfg = load_config(configs / 'search/ssdlite_bccd.py', {'search.size': (320, 320)})
    settings = read_settings(cfg)
    costs = make_costs(cfg, settings)
    genome = [settings.space.encode(ARCHITECTURES['m'])]
    total = model_complexity(load_config(configs / 'ssdlite/ssdlite_muxnet-m_1xb8-40e_bccd-320.py'), 320, 320)['total']
    assert (costs.params(genome)[0], costs.macs(genome)[0]) == (total.params, total.macs)


def test_decoder_that_only_trains_has_parameters_and_no_multiply_adds(configs):
    pytest.importorskip('mmseg')
    cfg = load_config(configs / 'search/c1_camvid.py')
    settings = read_settings(cfg)
    with_it = make_costs(cfg, settings)
    del cfg.model['auxiliary_head'], cfg.search.channels['model.auxiliary_head.in_channels']
    without = make_costs(cfg, read_settings(cfg))
    genomes = settings.space.sample(5, np.random.default_rng(0))
    stage_4 = [settings.space.decode(genome).stages[4][0].out_channels for genome in genomes]
    # The decoder's 3 x 3 convolution to 50 channels, its norm, and the classifier of 11 classes with its bias.
    assert (with_it.params(genomes) - without.params(genomes)).tolist() == [
        9 * width * 50 + 2 * 50 + 50 * 11 + 11 for width in stage_4]
    assert np.array_equal(with_it.macs(genomes), without.macs(genomes))


def test_where_nothing_is_trained_it_is_the_network_alone(configs):
    cfg = load_config(configs / 'search/analytic.py')
    settings = read_settings(cfg)
    genome = settings.space.sample(1, np.random.default_rng(0))
    arch = settings.space.decode(genome[0])
    whole, classifier = classifier_complexity(arch, classes=10), arch.head_channels * 10
    costs = make_costs(cfg, settings)
    assert (costs.params(genome)[0] + classifier + 10, costs.macs(genome)[0] + classifier) == (whole.params, whole.macs)


class TestModelThatCannotFollow:
    SPACE = dict(
        stem_channels=[8], head_channels=[32],
        stages=[dict(type='DS', out_channels=[8, 16, 24], kernel_size=[3, 5], act='ReLU')])

    def model(self, **neck) -> Config:
        backbone = dict(type='MUXNet', arch='m', out_indices=(0, ))
        return Config(dict(model=dict(type='NetWithNeck', backbone=backbone, neck=neck)))

    @pytest.fixture(autouse=True)
    def _net(self):
        from mmengine.registry import MODELS
        from torch import nn

        class Net(nn.Module):

            def __init__(self, backbone, neck):
                super().__init__()
                self.backbone = MODELS.build(backbone)
                self.first = nn.Conv2d(neck['channels'], neck.get('inner', 4), 1)
                self.second = nn.Conv2d(neck.get('inner', 4), 4, 1)

            def forward(self, x):
                return self.second(self.first(self.backbone(x)[0]))

        MODELS.register_module('NetWithNeck', module=Net)
        yield
        MODELS._module_dict.pop('NetWithNeck')

    def costs(self, follow: dict, **neck):
        settings = SearchSettings(SearchSpace(self.SPACE), (32, 32), network='model.backbone', channels=follow)
        return ModelComplexity(settings, self.model(**neck))

    def test_key_that_was_forgotten(self):
        with raises(ConfigError, '32 x 32', '24', 'channels', 'search.channels', 'model.backbone', 'no key'):
            self.costs({}, channels=24)

    def test_cost_that_grows_otherwise(self):
        # Both sides of a convolution follow the network's channels, so that its cost grows with their square.
        with raises(ConfigError, 'search.channels', 'model.neck.channels, model.neck.inner'):
            self.costs({'model.neck.channels': 0, 'model.neck.inner': 0}, channels=24, inner=24)
