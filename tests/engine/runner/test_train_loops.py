"""Trainings interrupted at every iteration and resumed, against the same training left alone."""
import json
from functools import partial

import pytest
from interruptions import differences
from mmengine.dataset import DefaultSampler
from mmengine.hooks import Hook
from tiny_training import PICTURES, Interrupted, Interruption, make_runner

EPOCHS = dict(type='mmmux.EpochBasedTrainLoop', max_epochs=3, val_interval=2)  # of four iterations
ITERATIONS = dict(type='mmmux.IterBasedTrainLoop', max_iters=12, val_interval=5)
EVERY_ITERATION = dict(by_epoch=False, interval=1)
nightly = partial(pytest.param, marks=pytest.mark.nightly)


class Seen(Hook):
    """Notes which pictures were trained on, and where validations were."""

    def __init__(self):
        self.pictures, self.validated = [], []

    def before_train_iter(self, runner, batch_idx, data_batch=None) -> None:
        self.pictures.append((runner.epoch, batch_idx, [int(index) for index in data_batch['index']]))

    def after_val_epoch(self, runner, metrics=None) -> None:
        self.validated.append((runner.iter, metrics['of/mean']))


def interrupted(work, train_cfg: dict, checkpoint: dict, after: int, **options) -> Seen:
    """Train with an interruption after that many iterations, then to the end."""
    seen = Seen()
    with pytest.raises(Interrupted):
        make_runner(work, train_cfg, checkpoint, hooks=[seen, Interruption(after)], **options).train()
    make_runner(work, train_cfg, checkpoint, hooks=[seen], resume=True, **options).train()
    return seen


@pytest.mark.slow
@pytest.mark.parametrize('train_cfg,options', [
    nightly(EPOCHS, {}),
    (EPOCHS, dict(accumulated=3)),
    nightly(dict(EPOCHS, val_begin=2, val_interval=1), {}),
    nightly(dict(EPOCHS, dynamic_intervals=[(2, 1)]), {}),
    nightly(ITERATIONS, dict(sampler='InfiniteSampler')),
    (ITERATIONS, dict(accumulated=5)),
    nightly(dict(ITERATIONS, dynamic_intervals=[(6, 2)]), {}),
], ids=lambda value: ' '.join(f'{key}={value}' for key, value in value.items()))
def test_every_iteration_is_as_good_as_any_to_stop_at(tmp_path, train_cfg, options):
    alone = Seen()
    make_runner(tmp_path / 'alone', train_cfg, EVERY_ITERATION, hooks=[alone], **options).train()
    assert len(alone.pictures) == 12 and len(alone.validated) >= 2
    for after in range(1, 12):
        seen = interrupted(tmp_path / f'{after}', train_cfg, EVERY_ITERATION, after, **options)
        assert seen.pictures == alone.pictures
        assert seen.validated == alone.validated
        assert differences(tmp_path / f'{after}/iter_12.pth', tmp_path / 'alone/iter_12.pth') == []


@pytest.mark.parametrize('best', [{}, dict(save_best='of/mean', rule='less')])
def test_whole_epochs(tmp_path, best):
    checkpoint = dict(by_epoch=True, interval=1, max_keep_ckpts=2, **best)
    make_runner(tmp_path / 'alone', EPOCHS, checkpoint, hooks=[alone := Seen()]).train()
    names = sorted(path.name for path in (tmp_path / 'alone').glob('*.pth'))
    for after in (5, 8, 9):
        seen = interrupted(tmp_path / f'{after}', EPOCHS, checkpoint, after)
        assert seen.pictures[-4:] == alone.pictures[-4:] and dict(seen.validated) == dict(alone.validated)
        assert sorted(path.name for path in (tmp_path / f'{after}').glob('*.pth')) == names
        assert differences(tmp_path / f'{after}/epoch_3.pth', tmp_path / 'alone/epoch_3.pth') == []


@pytest.mark.slow
def test_processes_that_load_data_change_nothing(tmp_path):
    """Neither how many they are, nor that there are other ones after the interruption."""
    make_runner(tmp_path / '0', ITERATIONS, EVERY_ITERATION).train()
    make_runner(tmp_path / '2', ITERATIONS, EVERY_ITERATION, workers=2).train()
    with pytest.raises(Interrupted):
        make_runner(tmp_path / '3', ITERATIONS, EVERY_ITERATION, hooks=[Interruption(5)], workers=3).train()
    make_runner(tmp_path / '3', ITERATIONS, EVERY_ITERATION, resume=True, workers=1).train()
    for workers in (2, 3):
        assert differences(tmp_path / f'{workers}/iter_12.pth', tmp_path / '0/iter_12.pth') == []


@pytest.mark.parametrize('train_cfg', [EPOCHS, ITERATIONS])
def test_pictures_come_in_the_order_of_mmengines_loops(tmp_path, train_cfg):
    """Every picture once an epoch, shuffled as its sampler shuffles them."""
    make_runner(tmp_path, train_cfg, EVERY_ITERATION, hooks=[seen := Seen()]).train()
    sampler = DefaultSampler(range(PICTURES), seed=3)
    expected = []
    for epoch in range(3):
        sampler.set_epoch(epoch)
        indices = list(sampler)
        expected += [indices[begin:begin + 3] for begin in range(0, PICTURES, 3)]
    assert [indices for *_, indices in seen.pictures] == expected


def test_made_up_validation_reports_as_any_other(tmp_path):
    """The training is killed after the checkpoint and before the validation that is due then."""
    class AtValidation(Hook):
        def before_val(self, runner) -> None:
            raise Interrupted

    checkpoint = dict(by_epoch=True, interval=1)
    with pytest.raises(Interrupted):
        make_runner(tmp_path, dict(EPOCHS, max_epochs=2), checkpoint, hooks=[AtValidation()]).train()
    make_runner(tmp_path, dict(EPOCHS, max_epochs=2), checkpoint, hooks=[seen := Seen()], resume=True).train()
    assert not seen.pictures and [iteration for iteration, _ in seen.validated] == [8]
    logs = ''.join(path.read_text() for path in tmp_path.glob('*/vis_data/scalars.json'))
    assert [json.loads(line)['of/mean'] for line in logs.splitlines() if 'of/mean' in line] == [seen.validated[0][1]]


def test_epochs_of_another_length_begin_anew(tmp_path, monkeypatch):
    with pytest.raises(Interrupted):
        make_runner(tmp_path, EPOCHS, EVERY_ITERATION, hooks=[Interruption(6)]).train()
    monkeypatch.setattr('tiny_training.Noise.__len__', lambda self: 6)
    make_runner(tmp_path, EPOCHS, EVERY_ITERATION, hooks=[seen := Seen()], resume=True).train()
    assert [(epoch, batch) for epoch, batch, _ in seen.pictures] == [(1, 0), (1, 1), (2, 0), (2, 1)]
    (log, ) = [text for path in tmp_path.glob('*/*.log') if 'An epoch had 4 batches' in (text := path.read_text())]
    assert 'has 2 now' in log


def test_iterations_never_repeat_their_random_numbers(tmp_path):
    """Neither those of the pictures nor those of the model."""
    import torch

    class Numbers(Hook):
        seen = []

        def before_train_iter(self, runner, batch_idx, data_batch=None) -> None:
            self.seen += [torch.rand(1).item(), *(float(value) for row in data_batch['inputs'] for value in row[1:])]

    make_runner(tmp_path, ITERATIONS, EVERY_ITERATION, hooks=[Numbers()]).train()
    drawn = len(Numbers.seen)
    assert drawn == 12 + 3 * 3 * PICTURES and len(set(Numbers.seen)) == drawn
