"""A training that is resumed with another schedule is refused, or continues exactly with the new one."""
import math
import shutil

import pytest
import torch
from facts import assert_facts
from tiny_training import make_runner

from mmmux.checkpoints.safe_loading import load_checkpoint_file
from mmmux.engine.hooks.resumed_schedule_hook import _changed_options
from mmmux.utils.errors import CheckpointError, ConfigError

EPOCHS = dict(type='mmmux.EpochBasedTrainLoop', max_epochs=2, val_interval=9)  # of four iterations
WARM_UP = dict(type='LinearLR', start_factor=0.1, by_epoch=False, begin=0, end=3)


def cosine(epochs: int) -> dict:
    return dict(type='CosineAnnealingLR', begin=0, T_max=epochs, end=epochs, by_epoch=True)


def runner(work, epochs: int, schedules: list | None = None, resume: bool = False, new: bool = False, **optimizer):
    """A runner with a warm-up, a cosine over all epochs, and the hook."""
    return make_runner(work, dict(EPOCHS, max_epochs=epochs), dict(interval=1), resume=resume, optimizer=optimizer,
                       hooks=[dict(type='mmmux.ResumedScheduleHook', new_schedule=new)],
                       schedules=schedules or [WARM_UP, cosine(epochs)])


def rates(work, epochs: int, **options) -> list[float]:
    """Train, and return the learning rate of every iteration."""
    trained, seen = runner(work, epochs, **options), []
    step = trained.model.train_step

    def recorded(data, optim_wrapper):
        seen.append(optim_wrapper.optimizer.param_groups[0]['lr'])
        return step(data, optim_wrapper)

    trained.model.train_step = recorded
    trained.train()
    return seen


def refusal(work, epochs: int, **options) -> str:
    trained = runner(work, epochs, resume=True, **options)
    with pytest.raises(ConfigError) as error:
        trained.train()
    return str(error.value)


@pytest.fixture(scope='module')
def first(tmp_path_factory):
    """Two epochs, lr 0.05."""
    work = tmp_path_factory.mktemp('first')
    rates(work, 2)
    return work


@pytest.fixture
def work(first, tmp_path):
    copied = shutil.copytree(first, tmp_path / 'work')
    (copied / 'last_checkpoint').write_text(str(copied / 'epoch_2.pth'))
    return copied


def test_mmengine_alone_trains_the_added_epochs_at_the_end_of_the_old_curve(work):
    """This is the reason for the hook: the third of four epochs has the learning rate of the second of two."""
    trained = runner(work, 4, resume=True)
    trained._hooks = [hook for hook in trained._hooks if type(hook).__name__ != 'ResumedScheduleHook']
    trained.train()
    assert trained.optim_wrapper.get_lr()['lr'][0] == pytest.approx(0.05 * (1 + math.cos(math.pi / 2)) / 2)


def test_another_length_is_refused_with_both_values(work):
    sentence = refusal(work, 4)
    assert 'param_scheduler.1' in sentence and '--new-schedule' in sentence
    assert all(f'{key}={value}' in sentence for key in ('T_max', 'end') for value in (4, 2))
    assert not (work / 'epoch_3.pth').exists()


@pytest.mark.parametrize('change,words', [
    (dict(lr=0.01), ('lr', '0.01', '0.05')),
    (dict(momentum=0.5), ('momentum', '0.5', '0.9')),
    (dict(weight_decay=0.1), ('weight_decay', '0.1')),
    (dict(schedules=[WARM_UP]), ('param_scheduler', '1 schedule', '2')),
    (dict(schedules=[WARM_UP, dict(type='PolyLR', begin=0, end=2, by_epoch=True)]), ('param_scheduler.1', 'PolyLR')),
    (dict(schedules=[dict(WARM_UP, start_factor=0.2), cosine(2)]),
     ('param_scheduler.0', 'start_factor=0.2', 'start_factor=0.1')),
])
def test_other_changes_are_refused_with_both_values(work, change, words):
    sentence = refusal(work, 2, **change)
    assert all(word in sentence for word in words)


def test_the_same_goes_on(work):
    assert rates(work, 2, resume=True) == []


def test_a_schedule_of_the_momentum_moves_the_first_beta():
    now, then = (dict(lr=0.1, betas=betas, initial_momentum=0.9) for betas in ((0.9, 0.999), (0.87, 0.999)))
    assert list(_changed_options([now], [then])) == []
    fact, = _changed_options([now], [dict(then, betas=(0.87, 0.99))])
    assert_facts(fact, 'betas', 0.999, 0.99)


@pytest.mark.parametrize('options', [dict(), dict(lr=0.02), dict(schedules=[dict(WARM_UP, end=11), cosine(4)])],
                         ids=['longer', 'another learning rate', 'another warm-up'])
def test_the_new_schedule_goes_on_as_if_it_had_been_there_from_the_beginning(work, tmp_path, options):
    expected = rates(tmp_path / 'alone', 4, **options)
    assert rates(work, 4, resume=True, new=True, **options) == pytest.approx(expected[8:], rel=1e-9)
    saved = load_checkpoint_file(work / 'epoch_4.pth')
    alone = load_checkpoint_file(tmp_path / 'alone/epoch_4.pth')
    groups = [each['optimizer']['param_groups'][0] for each in (saved, alone)]
    assert groups[0]['initial_lr'] == groups[1]['initial_lr'] and groups[0]['lr'] == pytest.approx(groups[1]['lr'], abs=1e-12)
    # The momentum went on: it is the state of an optimiser that has trained.
    assert all(state['momentum_buffer'].abs().sum() > 0 for state in saved['optimizer']['state'].values())


def test_within_an_epoch(work, tmp_path):
    """From a checkpoint of iteration 6 of 8."""
    checkpoint = torch.load(work / 'epoch_2.pth', weights_only=False)
    checkpoint['meta'].update(epoch=1, iter=6)
    torch.save(checkpoint, work / 'epoch_2.pth')
    expected = rates(tmp_path / 'alone', 3)
    assert rates(work, 3, resume=True, new=True) == pytest.approx(expected[6:], rel=1e-9)


def test_another_number_of_groups_is_refused(work):
    checkpoint = torch.load(work / 'epoch_2.pth', weights_only=False)
    checkpoint['optimizer']['param_groups'] *= 2
    torch.save(checkpoint, work / 'epoch_2.pth')
    with pytest.raises(CheckpointError, match=r'2 .* 1'):
        runner(work, 2, resume=True).train()
