import numpy as np
import pytest

from mmmux.analysis.complexity import model_complexity
from mmmux.config import load_config
from mmmux.models import DS, IR, MUX, Architecture, get_architecture
from mmmux.search.journal import Evaluation
from mmmux.search.model_costs import make_costs
from mmmux.search.picked_config import architecture_table, write_picked
from mmmux.search.settings import read_settings

NEEDS = {'ssdlite_bccd': 'mmdet', 'c1_camvid': 'mmseg', 'cifar10': 'mmpretrain'}


def write(configs, name, folder, seed=3, **options):
    cfg = load_config(configs / f'search/{name}.py', options)
    settings = read_settings(cfg)
    genome = settings.space.sample(1, np.random.default_rng(seed))
    costs = make_costs(cfg, settings) if name == 'analytic' or _installed(name) else None
    counted = (int(costs.params(genome)[0]), int(costs.macs(genome)[0])) if costs else (1, 1)
    evaluation = Evaluation(2, 1, tuple(genome[0].tolist()), 'done', 0.25, 0.75, *counted, latency=None, seconds=60., seed=5)
    files = write_picked(evaluation, settings, cfg, '--pick knee', folder / 'deeper/mine.py')
    return files, cfg, settings, evaluation


def _installed(name) -> bool:
    try:
        __import__(NEEDS[name])
    except ImportError:
        return False
    return True


@pytest.mark.slow
@pytest.mark.parametrize('name', NEEDS)
def test_config_has_the_picked_network_and_the_tasks_own_schedule(configs, tmp_path, name):
    (config, table), cfg, settings, evaluation = write(configs, name, tmp_path)
    leaf = load_config(config)
    network = leaf
    for part in settings.network.split('.'):
        network = network[part]
    assert get_architecture(network.arch) == settings.space.decode(evaluation.genome)
    assert leaf.train_cfg == cfg.train_cfg and leaf.search is None
    assert table == config.with_suffix('.md')
    if _installed(name):
        total = model_complexity(leaf, *settings.size)['total']
        assert (total.params, total.macs) == (evaluation.params, evaluation.macs)
        assert f'{total.macs:,} multiply-adds' in config.read_text() and f'{total.macs:,} multiply-adds' in table.read_text()


@pytest.mark.slow
def test_config_is_short_and_names_no_place_of_this_machine(configs, tmp_path, monkeypatch):
    monkeypatch.chdir(configs.parent)
    (config, _), *_ = write(configs, 'ssdlite_bccd', tmp_path)
    lines = config.read_text().splitlines()
    assert len(lines) < 40 and max(map(len, lines)) <= 128
    base = next(line for line in lines if line.startswith('_base_'))
    assert base.split("'")[1].startswith('../') and base.endswith("configs/search/ssdlite_bccd.py'")


def test_analytic_search_has_a_table_alone(configs, tmp_path):
    files, *_ = write(configs, 'analytic', tmp_path)
    assert [path.name for path in files] == ['mine.md']


def test_table_has_a_line_for_each_different_row():
    arch = Architecture(
        stem_channels=16, head_channels=96, stages=(
            (DS(16, act='ReLU', se_ratio=0), ),
            (IR(24, (3, 5), stride=2, expand_ratio=4), MUX(3, scales=(-1, 0), split_ratio=0.25),
             MUX(3, scales=(-1, 0), split_ratio=0.25), MUX(5)),
        ))
    rows = [[cell.strip() for cell in line.strip('|').split('|')] for line in architecture_table(arch).splitlines()]
    assert rows[2:] == [
        ['stem', 'convolution', '3', '2', '-', '-', '-', '-', 'Swish', '16'],
        ['0', '1 x DS', '3', '1', '-', 'all', '-', '-', 'ReLU', '16'],
        ['1', '1 x IR', '3, 5', '2', '4', 'all', '-', '0.75', 'Swish', '24'],
        ['1', '2 x MUX', '3', '1', '6', '25%', '-1, 0', '0.75', 'Swish', '24'],
        ['1', '1 x MUX', '5', '1', '6', '50%', '-', '0.75', 'Swish', '24'],
        ['head', 'convolution', '1', '1', '-', '-', '-', '-', 'Swish', '96'],
    ]
    assert len({len(row) for row in rows}) == 1
