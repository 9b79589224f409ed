"""Trainings in two processes: the processes share the data, one is killed, or both receive a signal to stop."""
import os
import re
import signal
import time
from pathlib import Path

import pytest
import small_trainings
from free_port import free_port
from interruptions import differences as all_differences
from programs import PATIENCE, await_words, printed
from reliability_record import record

from mmmux.checkpoints.safe_loading import load_checkpoint_file

pytestmark = pytest.mark.slow

# Six epochs of two iterations in each process.
OPTIONS = ['--cfg-options', 'train_cfg.max_epochs=6', 'default_hooks.checkpoint.by_epoch=False',
           'default_hooks.checkpoint.interval=3']


@pytest.fixture(scope='module')
def trained_alone(program, tmp_path_factory):
    """The config of a detector, and the last checkpoint of an uninterrupted training in two processes."""
    folder = tmp_path_factory.mktemp('alone')
    config = small_trainings.detector(folder)
    program(*launch(config, folder / 'work'), cwd=folder)
    return config, folder / 'work/iter_12.pth'


def launch(config: Path, work: Path, *options) -> list:
    """Return the arguments with which tools/dist_train.sh starts two processes."""
    port = free_port()
    return ['-m', 'torch.distributed.run', '--nproc_per_node', 2, '--master_addr', '127.0.0.1', '--master_port', port,
            small_trainings.REPOSITORY / 'tools/train.py', config, '--launcher', 'pytorch', '--work-dir', work, *options,
            *OPTIONS]


@pytest.mark.nightly
def test_two_processes_share_an_epoch(trained_alone):
    # Eight pictures, two per step for each of two processes: an epoch has two steps, and step 12 ends the epoch with number 5.
    checkpoint = load_checkpoint_file(trained_alone[1])
    assert (checkpoint['meta']['epoch'], checkpoint['meta']['iter']) == (5, 12)
    assert not any(key.startswith('module.') for key in checkpoint['state_dict'])


def differences(one: Path, other: Path) -> list[str]:
    """Return the differences of two checkpoints, without those of the validation scores.

    On CPUs, each process has its own running statistics of BN, and a checkpoint holds those of the first process. Half of the
    pictures are validated with the statistics of the second process, which after an interruption are those of the first.
    """
    return [name for name in all_differences(one, other) if '.log_scalars.val/' not in name]


def of_rank(rank: int, parent: int) -> int:
    """Return the ID of the child process that has a rank."""
    for pid in Path(f'/proc/{parent}/task/{parent}/children').read_text().split():
        if f'RANK={rank}' in Path(f'/proc/{pid}/environ').read_text().split('\0'):
            return int(pid)
    raise AssertionError(f'no rank {rank}')


@pytest.mark.nightly
def test_a_killed_rank_ends_the_job_with_its_reason(start, trained_alone, tmp_path):
    config, alone = trained_alone
    job = start(*launch(config, tmp_path / 'work'))
    await_words(tmp_path, r'Epoch\(train\) +\[2\]')
    killed, begin = of_rank(1, job.pid), time.monotonic()
    os.kill(killed, signal.SIGKILL)
    status, seconds = job.wait(60), time.monotonic() - begin
    assert status != 0 and seconds < 60
    reason = printed(tmp_path)
    assert re.search(rf'rank +: 1 \(local_rank: 1\)\s+exitcode +: -9 \(pid: {killed}\)', reason)
    assert f'Signal 9 (SIGKILL) received by PID {killed}' in reason

    assert start(*launch(config, tmp_path / 'work', '--resume')).wait(PATIENCE) == 0
    different = differences(tmp_path / 'work/iter_12.pth', alone)
    record('killed rank', 'detector in two processes', tried=1, of='kills', lost=len(different),
           seconds_until_the_job_ended=round(seconds, 1))
    assert not different


@pytest.mark.nightly
def test_processes_that_are_asked_to_stop_agree_where(start, trained_alone, tmp_path):
    """Torchrun forwards the signal; every tenth iteration, the processes agree whether to stop."""
    config, alone = trained_alone
    job = start(*launch(config, tmp_path / 'work'))
    await_words(tmp_path, r'Epoch\(train\) +\[1\]', 2)
    os.kill(job.pid, signal.SIGTERM)
    assert job.wait(PATIENCE) != 0
    assert (tmp_path / 'work/last_checkpoint').read_text().endswith('/stopped_iter_10.pth')

    assert start(*launch(config, tmp_path / 'work', '--resume')).wait(PATIENCE) == 0
    different = differences(tmp_path / 'work/iter_12.pth', alone)
    record('asked to stop', 'detector in two processes, SIGTERM', tried=1, of='signals', lost=len(different))
    assert not different
