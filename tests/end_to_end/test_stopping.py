"""Trainings that are asked to stop, as a terminal and a cluster ask: with a signal to every process of the program."""
import os
import signal
from pathlib import Path

import pytest
import small_trainings
from interruptions import differences
from process_end import has_ended
from programs import PATIENCE, await_words, printed
from reliability_record import record

pytestmark = pytest.mark.slow

TOOL = small_trainings.REPOSITORY / 'tools/train.py'
# With processes of their own to load data, as users train; there are none in the training that is left alone.
WORKERS = ['--cfg-options', *(f'{loader}_dataloader.{option}' for loader in ('train', 'val')
                              for option in ('num_workers=1', 'persistent_workers=True'))]


@pytest.mark.nightly
@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_program_goes_on_exactly(start, left_alone, tmp_path, number):
    alone = left_alone('detector')
    stopped = start(TOOL, alone.config, '--work-dir', tmp_path / 'work', *WORKERS)
    await_words(tmp_path, r'Epoch\(train\) +\[2\]', 2)
    os.killpg(stopped.pid, number)
    assert stopped.wait(PATIENCE) == 128 + number
    assert 'Traceback' not in printed(tmp_path) and f'Stopped by {number.name} after ' in printed(tmp_path)
    (saved, ) = (tmp_path / 'work').glob('stopped_iter_*.pth')
    assert 6 <= int(saved.stem.rpartition('_')[2]) <= 8

    resumed = start(TOOL, alone.config, '--work-dir', tmp_path / 'work', '--resume', *WORKERS)
    assert resumed.wait(PATIENCE) == 0
    different = differences(tmp_path / 'work/epoch_3.pth', alone.work / 'epoch_3.pth')
    record('asked to stop', f'detector, {number.name}', tried=1, of='signals', lost=len(different))
    assert not different and not saved.exists()


@pytest.mark.nightly
def test_no_process_stays_behind(start, tmp_path):
    """Those that load data outlive the signal, but not the training."""
    config = small_trainings.detector(tmp_path)
    process = start(TOOL, config, '--work-dir', tmp_path / 'work', *WORKERS)
    await_words(tmp_path, r'Epoch\(train\) +\[1\]')
    children = [int(pid) for pid in Path(f'/proc/{process.pid}/task/{process.pid}/children').read_text().split()]
    assert children
    os.killpg(process.pid, signal.SIGTERM)
    assert process.wait(PATIENCE) == 143 and all(has_ended(pid, 30) for pid in children)
