"""Learning rate schedules end with the training."""
import pytest
from facts import raises
from mmengine.config import Config

from mmmux.config import load_config
from mmmux.config.schedules import check_schedules
from mmmux.utils.errors import ConfigError

BCCD = 'ssdlite/ssdlite_muxnet-m_1xb8-40e_bccd-320.py'
CAMVID = 'c1/c1_muxnet-m-d8_1xb4-1200it_camvid-192x256.py'
CHEST = 'classification/muxnet-m_1xb64-30e_chestxray14-224.py'


def shapes(cfg: Config) -> list[tuple]:
    return [tuple(schedule.get(key) for key in ('begin', 'end', 'T_max')) for schedule in cfg.param_scheduler]


@pytest.mark.parametrize('config,key,length,expected', [
    (BCCD, 'max_epochs', 80, [(0, 200, None), (0, 80, 80)]),
    (BCCD, 'max_epochs', 10, [(0, 200, None), (0, 10, 10)]),
    (CAMVID, 'max_iters', 600, [(0, 50, None), (50, 600, None)]),
    (CAMVID, 'max_iters', 40, [(0, 50, None), (50, 1200, None)]),  # the second never begins
    (CHEST, 'max_epochs', 60, [(0, 1, None), (1, 60, 59)]),
])
def test_follow_a_new_length(configs, config, key, length, expected):
    cfg = load_config(configs / config, {f'train_cfg.{key}': length})
    assert cfg.train_cfg[key] == length and shapes(cfg) == expected
    check_schedules(cfg)


def test_options_of_a_schedule_leave_it_alone(configs):
    cfg = load_config(configs / BCCD, {'train_cfg.max_epochs': 10, 'param_scheduler.1.end': 40})
    assert shapes(cfg) == [(0, 200, None), (0, 40, 40)]  # stops early on the curve of 40 epochs
    check_schedules(cfg)


def test_milestones_stay_and_are_named(configs, tmp_path, log):
    path = tmp_path / 'config.py'
    path.write_text(f"_base_ = '{configs / BCCD}'\nparam_scheduler = [dict(type='MultiStepLR', begin=0, end=40, by_epoch=True, "
                    'milestones=[30, 36])]')
    cfg = load_config(path, {'train_cfg.max_epochs': 80})
    assert (cfg.param_scheduler[0].end, cfg.param_scheduler[0].milestones) == (80, [30, 36])
    said, = [record.getMessage() for record in log.records if record.levelname == 'WARNING']
    assert 'param_scheduler.0.milestones=[30, 36]' in said


class TestCheck:

    @pytest.mark.parametrize('config,text,values', [
        (BCCD, 'train_cfg = dict(max_epochs=80)', ['param_scheduler.1.end=40', 'train_cfg.max_epochs=80']),
        (CAMVID, 'train_cfg = dict(max_iters=2400)', ['param_scheduler.1.end=1200', 'train_cfg.max_iters=2400']),
    ])
    def test_a_child_that_trains_longer_at_learning_rate_0(self, configs, tmp_path, config, text, values):
        path = tmp_path / 'config.py'
        path.write_text(f"_base_ = '{configs / config}'\n{text}")
        with pytest.raises(ConfigError) as error:
            check_schedules(load_config(path))
        assert all(value in str(error.value) for value in values)

    def test_of_a_rate_above_0_it_is_said(self, log):
        schedule = [dict(type='PolyLR', eta_min=1e-4, begin=0, end=40, by_epoch=True)]
        check_schedules(Config(dict(train_cfg=dict(max_epochs=80), param_scheduler=schedule)))
        said, = [record.getMessage() for record in log.records]
        assert 'param_scheduler.0.end=40' in said and 'train_cfg.max_epochs=80' in said and '0.0001' in said

    @pytest.mark.parametrize('schedule', [
        None, [], [dict(type='LinearLR', start_factor=0.1, by_epoch=False, begin=0, end=10)],
        dict(type='MultiStepLR', milestones=[8, 11], by_epoch=True, begin=0, end=12),
        [dict(type='CosineAnnealingLR', T_max=10, end=10), dict(type='ConstantLR', begin=10, end=24, factor=0.1)],
        [dict(type='CosineAnnealingLR', T_max=10, eta_min_ratio=0.1, end=10)], [dict(type='CosineAnnealingLR', T_max=24)],
    ])
    def test_others_pass(self, schedule):
        check_schedules(Config(dict(train_cfg=dict(max_epochs=24), param_scheduler=schedule)))

    @pytest.mark.parametrize('schedule', [
        [dict(type='CosineAnnealingLR', T_max=24), dict(type='CosineAnnealingMomentum', T_max=12, end=12)],
        [dict(type='CosineAnnealingMomentum', T_max=12, end=12)], [dict(type='CosineAnnealingParamScheduler', T_max=9, end=9)],
        [dict(type='CosineAnnealingLR', T_max=48, end=18)],  # stops half-way
        [dict(type='CosineAnnealingLR', T_max=12, end=12), dict(type='PolyLR', by_epoch=False, begin=1200)],
    ])
    def test_what_does_not_end_near_0_passes(self, schedule):
        cfg = Config(dict(train_cfg=dict(max_epochs=24), param_scheduler=schedule))
        check_schedules(cfg)
        check_schedules(cfg, dict(max_epochs=24, max_iters=2400))

    def test_by_iterations_in_a_training_by_epochs(self):
        cfg = Config(dict(train_cfg=dict(max_epochs=80), param_scheduler=[dict(type='PolyLR', by_epoch=False, end=4000)]))
        check_schedules(cfg)  # nobody knows yet
        with raises(ConfigError, 'param_scheduler.0.end=4000', 'max_iters=8000'):
            check_schedules(cfg, dict(max_epochs=80, max_iters=8000))

    def test_of_one_of_two_optimisers(self):
        cfg = Config(dict(train_cfg=dict(max_epochs=80), param_scheduler=dict(
            g=[dict(type='CosineAnnealingLR', T_max=40, end=40)], d=[dict(type='CosineAnnealingLR', T_max=80, end=80)])))
        with raises(ConfigError, 'param_scheduler.g.0.end=40'):
            check_schedules(cfg)

    @pytest.mark.slow
    def test_all_configs_here_pass(self, configs):
        paths = [path for path in configs.glob('*/*.py') if path.parent.name not in ('_base_', 'search')]
        for path in paths:
            check_schedules(Config.fromfile(path))
        assert len(paths) > 20
