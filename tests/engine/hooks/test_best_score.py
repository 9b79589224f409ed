import pytest
from facts import raises
from tiny_training import make_runner

from mmmux.engine.hooks import CheckpointHook
from mmmux.utils.errors import ConfigError

EPOCHS = dict(type='mmmux.EpochBasedTrainLoop', max_epochs=1, val_interval=1)


@pytest.mark.parametrize('save_best,rule', [
    ('IoU/car', None), (['mIoU', 'IoU/car'], None), ('pascal_voc/AP50/cell', None), ('mIoU', 'higher'),
    (['mIoU', 'aAcc', 'mAcc'], ['greater', 'less'])])
def test_rule_that_does_not_say_which_score_is_better(save_best, rule):
    with raises(ConfigError, 'default_hooks.checkpoint', save_best, rule, "'greater'", "'less'"):
        CheckpointHook(save_best=save_best, rule=rule)


@pytest.mark.parametrize('save_best,rule', [('mIoU', None), ('IoU/car', 'greater'), (['mIoU', 'IoU/car'], ['greater', 'less'])])
def test_others_are_taken(save_best, rule):
    CheckpointHook(save_best=save_best, rule=rule)


def test_other_errors_stay_mmengines():
    with pytest.raises(ValueError, match='save_begin') as caught:
        CheckpointHook(save_begin=-1)
    assert not isinstance(caught.value, ConfigError)


def test_auto_with_a_metric_of_unknown_meaning(tmp_path):
    with raises(ConfigError, 'default_hooks.checkpoint', "'auto'", "'greater'"):
        make_runner(tmp_path, EPOCHS, dict(interval=1, save_best='auto')).train()


def test_score_that_is_not_measured(tmp_path):
    with raises(ConfigError, 'default_hooks.checkpoint.save_best', "'of/best'", 'of/mean'):
        make_runner(tmp_path, EPOCHS, dict(interval=1, save_best='of/best', rule='less')).train()
    assert (tmp_path / 'epoch_1.pth').exists()  # the training can be resumed from there


@pytest.mark.parametrize('name,metrics', [
    ('IoU/car', {'mIoU': 50., 'IoU/sky': 50., 'absent': ['bus', 'car']}),
    ('pascal_voc/AP50/car', {'pascal_voc/mAP': 1., 'pascal_voc/absent': ['car']}),
    ('coco/car_precision', {'coco/bbox_mAP': 1., 'coco/absent': ['car']}),
])
def test_class_that_is_absent_is_named(name, metrics):
    from mmmux.engine.hooks.best_score import check_measured
    with raises(ConfigError, f"'{name}'", "class 'car'", 'absent', next(iter(metrics))):
        check_measured([name], metrics)
    check_measured([next(iter(metrics)), 'auto'], metrics)
