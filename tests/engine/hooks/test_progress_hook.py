from types import SimpleNamespace

import pytest
from mmengine.logging import MessageHub
from mmengine.runner import IterBasedTrainLoop

from mmmux.engine.hooks import ProgressHook


@pytest.fixture
def runner():
    hub = MessageHub.get_instance('test_progress_hook')
    hub.update_scalar('train/loss', 1.5)
    return SimpleNamespace(iter=0, max_iters=4, epoch=0, max_epochs=2, message_hub=hub,
                           test_dataloader=[None] * 3, train_loop=None)


def test_training_tells_iterations_epoch_loss_and_score(runner, capsys):
    hook = ProgressHook('pascal_voc/mAP')
    hook.before_train(runner)
    for iteration in range(4):
        runner.epoch = iteration // 2
        hook.after_train_iter(runner, iteration)
    hook.after_val_epoch(runner, {'pascal_voc/mAP': 0.25})
    hook.after_train(runner)
    shown = capsys.readouterr()
    assert 'training: 100%' in shown.err and '4/4' in shown.err and 'epoch=2/2' in shown.err and 'loss=1.50' in shown.err
    assert 'mAP 0.250' in shown.out + shown.err
    # Into a file goes a line every ten seconds, not one for each iteration.
    assert '3/4' not in shown.err


def test_training_by_iterations_has_no_epochs(runner, capsys):
    runner.train_loop = IterBasedTrainLoop.__new__(IterBasedTrainLoop)
    hook = ProgressHook('mIoU')
    hook.before_train(runner)
    hook.after_train_iter(runner, 0)
    runner.iter = 1
    hook.after_val_epoch(runner, {'mIoU': 12.34})
    hook.after_train(runner)
    shown = capsys.readouterr()
    assert 'loss=1.50' in shown.err and 'epoch' not in shown.err + shown.out
    assert 'iteration 1: mIoU 12.340' in shown.out + shown.err


def test_resumed_training_begins_where_it_left_off(runner, capsys):
    hook = ProgressHook('pascal_voc/mAP')
    runner.iter = 3
    hook.before_train(runner)
    hook.after_train_iter(runner, 3)
    hook.after_train(runner)
    assert '4/4' in capsys.readouterr().err


def test_testing_counts_batches(runner, capsys):
    hook = ProgressHook('pascal_voc/mAP')
    hook.before_test(runner)
    for batch in range(3):
        hook.after_test_iter(runner, batch)
    hook.after_val_epoch(runner, {})
    hook.after_test(runner)
    assert 'testing: 100%' in capsys.readouterr().err


def test_only_the_first_process_shows_it(runner, capsys, monkeypatch):
    monkeypatch.setattr('mmmux.engine.hooks.progress_hook.is_main_process', lambda: False)
    hook = ProgressHook('pascal_voc/mAP')
    hook.before_train(runner)
    hook.after_train_iter(runner, 0)
    hook.after_val_epoch(runner, {'pascal_voc/mAP': 0.25})
    hook.after_train(runner)
    assert capsys.readouterr() == ('', '')
