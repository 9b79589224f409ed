"""Trainings in two processes: they share the data; one of them is killed; all are asked to stop."""
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
    """The config of a detector, and the last checkpoint of a training in two processes that nobody disturbed."""
    folder = tmp_path_factory.mktemp('alone')
    config = small_trainings.detector(folder)
    program(*launch(config, folder / 'work'), cwd=folder)
    return config, folder / 'work/iter_12.pth'


def launch(config: Path, work: Path, *options) -> list:
    """What tools/dist_train.sh starts with two processes."""
    port = free_port()
    return ['-m', 'torch.distributed.run', '--nproc_per_node', 2, '--master_addr', '127.0.0.1', '--master_port', port,
            small_trainings.REPOSITORY / 'tools/train.py', config, '--launcher', 'pytorch', '--work-dir', work, *options,
            *OPTIONS]


@pytest.mark.nightly
def test_two_processes_share_an_epoch(trained_alone):
    # Eight pictures, two for each of two processes: an epoch has two steps, and the twelfth is in the sixth, number 5.
    checkpoint = load_checkpoint_file(trained_alone[1])
    assert (checkpoint['meta']['epoch'], checkpoint['meta']['iter']) == (5, 12)
    assert not any(key.startswith('module.') for key in checkpoint['state_dict'])


def differences(one: Path, other: Path) -> list[str]:
    """As between any two checkpoints, but of the scores of validations.

    On CPUs every process has running statistics of its own in BN, of which a checkpoint holds the first's. Half of the pictures
    are validated with the second's, which after an interruption are the first's. SyncBN has one for all.
    """
    return [name for name in all_differences(one, other) if '.log_scalars.val/' not in name]


def of_rank(rank: int, parent: int) -> int:
    """The process that has a rank, among the children of another."""
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
    """Torchrun passes the signal on; every tenth iteration they ask each other."""
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
