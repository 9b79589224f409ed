"""Schedules begin before they end, and before the training ends."""
import pytest
from facts import missing_facts, raises
from mmengine.config import Config

from mmmux.config import load_config
from mmmux.config.schedule_begins import check_begins
from mmmux.utils.errors import ConfigError

POLY = dict(type='PolyLR', begin=50, by_epoch=False)


def config(*schedules: dict, **train_cfg) -> Config:
    return Config(dict(param_scheduler=list(schedules), train_cfg=train_cfg or dict(max_iters=20)))


@pytest.mark.slow
def test_ours_are_fine(configs, log):
    for path in sorted(configs.glob('*/*.py')):
        cfg = load_config(path)
        if 'train_cfg' in cfg:
            epochs, iters = (cfg.train_cfg.get(key, 10**6) for key in ('max_epochs', 'max_iters'))
            check_begins(cfg, epochs, iters)
    assert not log.records


@pytest.mark.parametrize('schedule,lengths,facts', [
    (POLY, (1, 20), ('param_scheduler.0.begin=50', 'PolyLR', 'train_cfg.max_iters=20')),
    (dict(POLY, end=30), (1, 100), ('param_scheduler.0.begin=50', 'param_scheduler.0.end=30')),
    (dict(POLY, end=50), (1, 100), ('param_scheduler.0.begin=50', 'param_scheduler.0.end=50')),
    (dict(type='CosineAnnealingLR', begin=5), (3, 300), ('param_scheduler.0.begin=5', 'epoch 3')),
])
def test_that_would_end_first_are_refused(schedule, lengths, facts):
    with raises(ConfigError, *facts):
        check_begins(config(schedule), *lengths)


def test_iterations_of_a_training_by_epochs(log):
    """A schedule by iterations ends with the last iteration of the last epoch."""
    cfg = config(POLY, max_epochs=4)
    check_begins(cfg, 4, 51)
    with raises(ConfigError, 'param_scheduler.0.begin=50', 'iteration 40', 'train_cfg.max_epochs=4'):
        check_begins(cfg, 4, 40)


def test_that_never_begins_is_logged(log):
    check_begins(config(dict(type='LinearLR', end=50, by_epoch=False), dict(POLY, end=300)), 1, 20)
    (record, ) = log.records
    assert not missing_facts(record.getMessage(), 'param_scheduler.1.begin=50', 'PolyLR', 'train_cfg.max_iters=20')


@pytest.mark.parametrize('schedules,key', [
    (POLY, 'param_scheduler.begin=50'), (dict(generator=[POLY]), 'param_scheduler.generator.0.begin=50')])
def test_one_schedule_or_one_list_for_each_optimiser(schedules, key):
    with raises(ConfigError, key):
        check_begins(Config(dict(param_scheduler=schedules, train_cfg=dict(max_iters=20))), 1, 20)


def test_no_schedule():
    check_begins(Config(dict(train_cfg=dict(max_iters=20), param_scheduler=None)), 1, 20)
