"""A terminal or a cluster stops a training with a signal to every process of the program."""
import os
import signal
from pathlib import Path

import pytest
import small_trainings
from facts import find_line
from interruptions import differences
from process_end import has_ended
from programs import PATIENCE, await_words, printed
from reliability_record import record

pytestmark = pytest.mark.slow

TOOL = small_trainings.REPOSITORY / 'tools/train.py'
# With processes that load data, as users train; the uninterrupted training has none.
WORKERS = ['--cfg-options', *(f'{loader}_dataloader.{option}' for loader in ('train', 'val')
                              for option in ('num_workers=1', 'persistent_workers=True'))]


@pytest.mark.nightly
@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_program_continues_exactly(start, left_alone, tmp_path, number):
    alone = left_alone('detector')
    stopped = start(TOOL, alone.config, '--work-dir', tmp_path / 'work', *WORKERS)
    await_words(tmp_path, r'Epoch\(train\) +\[2\]', 2)
    os.killpg(stopped.pid, number)
    assert stopped.wait(PATIENCE) == 128 + number
    (saved, ) = (tmp_path / 'work').glob('stopped_iter_*.pth')
    find_line(printed(tmp_path), number.name, saved.stem.rpartition('_')[2])
    assert 6 <= int(saved.stem.rpartition('_')[2]) <= 8

    resumed = start(TOOL, alone.config, '--work-dir', tmp_path / 'work', '--resume', *WORKERS)
    assert resumed.wait(PATIENCE) == 0
    different = differences(tmp_path / 'work/epoch_3.pth', alone.work / 'epoch_3.pth')
    record('asked to stop', f'detector, {number.name}', tried=1, of='signals', lost=len(different))
    assert not different and not saved.exists()


@pytest.mark.nightly
def test_no_process_stays_behind(start, tmp_path):
    """Processes that load data survive the signal, but end with the training."""
    config = small_trainings.detector(tmp_path)
    process = start(TOOL, config, '--work-dir', tmp_path / 'work', *WORKERS)
    await_words(tmp_path, r'Epoch\(train\) +\[1\]')
    children = [int(pid) for pid in Path(f'/proc/{process.pid}/task/{process.pid}/children').read_text().split()]
    assert children
    os.killpg(process.pid, signal.SIGTERM)
    assert process.wait(PATIENCE) == 143 and all(has_ended(pid, 30) for pid in children)
