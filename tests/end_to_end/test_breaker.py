"""A training that is killed or interrupted repeatedly, at random moments, ends like an uninterrupted one.

MMMUX_KILLS is the total number of kills (default: one for each training); SIGTERM and SIGINT are sent a quarter as often.
MMMUX_SEED is the seed of the moments.
"""
import random
import signal
from collections import Counter
from pathlib import Path

import pytest
from interruptions import Training, differences, kill_plan, kill_somewhere
from nightly import NIGHTLY, SEED, count
from reliability_record import record

from mmmux.checkpoints.checksum import check_intact
from mmmux.checkpoints.safe_loading import load_checkpoint_file
from mmmux.utils.errors import CheckpointError

pytestmark = pytest.mark.slow

WITHIN_EPOCHS = ['default_hooks.checkpoint.by_epoch=False', 'default_hooks.checkpoint.interval=3']
# Config, --cfg-options, iterations between checkpoints, the last checkpoint.
TRAININGS = {
    'detector by epochs': ('detector', [], 4, 'epoch_3.pth'),
    'detector within epochs': ('detector', WITHIN_EPOCHS, 3, 'iter_12.pth'),
    'segmentor by iterations': ('segmentor', [], 3, 'iter_12.pth'),
    'classifier by epochs': ('classifier', [], 5, 'epoch_3.pth'),
}
EVERY_RUN = ('classifier by epochs', )  # the others are for nightly runs
KILLS = count('MMMUX_KILLS')


def losses(training: Training, interval: int) -> dict:
    """Count the losses of a kill: unreadable files, and iterations beyond the interval between checkpoints."""
    unreadable = 0
    files = sorted(training.work.glob('*.pth'))
    for path in files:
        try:
            check_intact(path)
            load_checkpoint_file(path)
        except CheckpointError:
            unreadable += 1
    trained = max((int(detail) for name, detail in training.journal() if name == 'trained'), default=0)
    saved = 0
    if (training.work / 'last_checkpoint').exists():
        saved = load_checkpoint_file(training.last())['meta']['iter']  # it can be read, or this raises
    return dict(files_read=len(files), unreadable_files=unreadable, iterations_lost_beyond_the_interval=max(
        0, trained - saved - interval))


def broken_again_and_again(name: str, alone: Training, folder: Path, number: signal.Signals, wanted: int) -> dict:
    """Send signals to a training, resume it after each, and count its losses against an uninterrupted training.

    SIGKILL may lose the iterations since the last checkpoint; the other signals leave time to save.
    """
    _, _, interval, last = TRAININGS[name]
    interval = interval if number == signal.SIGKILL else 0
    chance = random.Random(f'{SEED} {name}')
    plan = kill_plan(chance)
    places, lost, trainings, different = Counter(), Counter(), 0, []
    while sum(places.values()) < wanted:
        training = Training(folder / f'broken_{trainings}', alone.config, alone.options, pause=0.004)
        trainings += 1
        while sum(places.values()) < wanted:
            point, waits = next(plan)
            place = kill_somewhere(training, chance, point, waits and number == signal.SIGKILL, number)
            if place is None:
                break
            places[place] += 1
            lost.update(losses(training, interval))
        training.run()
        lost.update(losses(training, interval))
        assert training.last().name == last
        different += differences(training.work / last, alone.work / last)
        assert sorted(path.name for path in training.work.glob('*.pth')) == \
            sorted(path.name for path in alone.work.glob('*.pth'))
        assert not list(training.work.glob('*.writing'))
        assert training.validations()[-1] == alone.validations()[-1]

    assert alone.validations()[-1] != alone.validations()[0]  # so that equal metrics mean something
    return dict(tried=sum(places.values()), of='kills' if number == signal.SIGKILL else 'signals',
                lost=lost['unreadable_files'] + lost['iterations_lost_beyond_the_interval'] + len(different),
                last_point_passed=dict(places), trainings=trainings, values_that_differ=len(different), **lost)


@pytest.mark.parametrize('name', [
    name if name in EVERY_RUN else pytest.param(name, marks=pytest.mark.nightly) for name in TRAININGS])
def test_killed_again_and_again(name, left_alone, tmp_path):
    kind, options, *_ = TRAININGS[name]
    wanted = KILLS // len(TRAININGS) + (list(TRAININGS).index(name) < KILLS % len(TRAININGS))
    found = broken_again_and_again(name, left_alone(kind, *options), tmp_path, signal.SIGKILL, wanted)
    record('killed', name, **found)
    assert found['files_read'] > 0 and not found['lost'], found


@pytest.mark.parametrize('number', [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.nightly)])
def test_asked_to_stop_again_and_again(number, left_alone, tmp_path):
    name = 'detector by epochs' if NIGHTLY else 'classifier by epochs'
    kind, options, *_ = TRAININGS[name]
    found = broken_again_and_again(name, left_alone(kind, *options), tmp_path, number, max(1, KILLS // 4))
    record('asked to stop', f'{name}, {number.name}', **found)
    assert found['files_read'] > 0 and not found['lost'], found


def test_a_comparison_finds_a_single_bit(tmp_path):
    """Otherwise the tests above could not fail."""
    import torch
    from mmengine.logging import HistoryBuffer
    states = [dict(meta=dict(time=number, iter=3), state_dict=dict(a=torch.ones(3)), message_hub=dict(
        log_scalars={'train/loss': HistoryBuffer([1.], [1])})) for number in range(2)]
    files = [tmp_path / f'{number}.pth' for number in range(2)]

    def compare() -> list[str]:
        for state, path in zip(states, files):
            torch.save(state, path)
        return differences(*files)

    assert compare() == []
    states[1]['state_dict']['a'][1] += 2**-23
    assert compare() == ['0.pth.state_dict.a']
    states[1]['message_hub']['log_scalars']['train/loss'].update(1.)
    states[1]['meta']['iter'] = 4
    assert len(compare()) == 3
