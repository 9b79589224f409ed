"""The files in a work dir at any moment of saving, and the checkpoint that a resumed training reads."""
import errno
import os
import resource
import shutil
import subprocess
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
import torch
from facts import find_line, raises
from mmengine.fileio.backends import LocalBackend
from mmengine.hooks import Hook
from tiny_training import Interrupted, Interruption, make_runner

from mmmux.checkpoints.checksum import check_intact
from mmmux.checkpoints.safe_loading import load_checkpoint_file
from mmmux.utils.errors import CheckpointError, ConfigError

EPOCHS = dict(type='mmmux.EpochBasedTrainLoop', max_epochs=4, val_interval=1)  # of four iterations
PLAIN = dict(EPOCHS, type='EpochBasedTrainLoop')
BEST = dict(interval=1, max_keep_ckpts=2, save_best='of/mean', rule='less')


def names(work: Path) -> list[str]:
    return sorted(path.name for path in work.glob('*.pth*'))


def pointed(work: Path) -> str:
    return Path((work / 'last_checkpoint').read_text()).name


def damage(path: Path) -> None:
    whole = bytearray(path.read_bytes())
    whole[len(whole) // 2] ^= 1
    path.write_bytes(whole)


@pytest.fixture
def moments(tmp_path, monkeypatch):
    """Record, after every change of the folder, the intact checkpoint that the pointer names, and the folder's files."""
    seen = []

    def look() -> None:
        if (tmp_path / 'last_checkpoint').exists():
            check_intact(tmp_path / pointed(tmp_path))
            seen.append((pointed(tmp_path), names(tmp_path)))

    def watched(original):
        def changed(*args, **options):
            try:
                return original(*args, **options)
            finally:
                look()
        return changed

    for owner, name in ((os, 'replace'), (os, 'unlink'), (LocalBackend, 'put')):
        monkeypatch.setattr(owner, name, watched(getattr(owner, name)))
    return seen


@pytest.mark.parametrize('train_cfg', [EPOCHS, PLAIN])
def test_nothing_old_is_deleted_before_the_new_is_there(tmp_path, moments, train_cfg):
    """With one checkpoint to keep, there is one at any time, and last_checkpoint names one that can be read."""
    make_runner(tmp_path, train_cfg, dict(interval=1, max_keep_ckpts=1)).train()
    assert names(tmp_path) == ['epoch_4.pth'] and pointed(tmp_path) == 'epoch_4.pth'
    assert ('epoch_3.pth', ['epoch_3.pth', 'epoch_4.pth.writing']) in moments
    assert ('epoch_4.pth', ['epoch_3.pth', 'epoch_4.pth']) in moments
    assert all(name in there for name, there in moments)


def test_the_best_one_until_there_is_a_better_one(tmp_path, moments):
    make_runner(tmp_path, EPOCHS, BEST).train()
    epochs = [name for name in names(tmp_path) if name.startswith('epoch')]
    (best, ) = [name for name in names(tmp_path) if name.startswith('best')]
    assert epochs == ['epoch_3.pth', 'epoch_4.pth'] and load_checkpoint_file(tmp_path / best)['meta']['epoch'] >= 1
    bests = [sum(name.startswith('best') and name.endswith('.pth') for name in there) for _, there in moments]
    first = bests.index(1)
    assert set(bests[:first]) == {0} and 0 not in bests[first:] and 2 in bests  # one was replaced


def test_what_was_not_deleted_in_time_is_deleted_later(tmp_path, monkeypatch):
    def killed(*args, **options):
        raise Interrupted

    with monkeypatch.context() as patched, pytest.raises(Interrupted):
        patched.setattr(os, 'unlink', killed)
        make_runner(tmp_path, EPOCHS, dict(interval=1, max_keep_ckpts=2)).train()
    assert names(tmp_path) == ['epoch_1.pth', 'epoch_2.pth', 'epoch_3.pth'] and pointed(tmp_path) == 'epoch_3.pth'
    (tmp_path / 'epoch_4.pth.writing').write_bytes(b'half')
    make_runner(tmp_path, dict(EPOCHS, max_epochs=3), dict(interval=1, max_keep_ckpts=2), resume=True).train()
    assert names(tmp_path) == ['epoch_2.pth', 'epoch_3.pth']


@pytest.mark.parametrize('train_cfg', [EPOCHS, PLAIN])
def test_a_damaged_checkpoint_is_passed_over(tmp_path, train_cfg, capfd):
    make_runner(tmp_path, train_cfg, dict(interval=1)).train()
    damage(tmp_path / 'epoch_4.pth')
    seen = []

    class Begin(Hook):
        def before_train_epoch(self, runner) -> None:
            seen.append(runner.epoch)

    make_runner(tmp_path, train_cfg, dict(interval=1), hooks=[Begin()], resume=True).train()
    assert seen == [3] and pointed(tmp_path) == 'epoch_4.pth'
    check_intact(tmp_path / 'epoch_4.pth')
    out, err = capfd.readouterr()
    find_line(out + err, 'epoch_4.pth', 'epoch_3.pth')


def test_a_given_checkpoint_that_is_damaged(tmp_path):
    make_runner(tmp_path, EPOCHS, dict(interval=1)).train()
    damage(tmp_path / 'epoch_2.pth')
    runner = make_runner(tmp_path, EPOCHS, dict(interval=1), resume=True)
    runner.cfg.load_from = str(tmp_path / 'epoch_2.pth')
    with raises(CheckpointError, tmp_path / 'epoch_2.pth'):
        runner.train()


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a file system of 256 KiB."""
    folder = tmp_path / 'small'
    folder.mkdir()
    mounted = shutil.which('mount') and subprocess.run(
        ['mount', '-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', str(folder)], capture_output=True, check=False)
    if not mounted or mounted.returncode:
        pytest.skip('only the superuser can make a small file system')
    yield folder
    subprocess.run(['umount', str(folder)], check=True)


@contextmanager
def larger_files_refused():
    """By the system."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3000, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


class Full(Hook):
    """Call a function after two epochs, for example one that fills the disk."""

    def __init__(self, begin):
        self.begin = begin

    def before_train_epoch(self, runner) -> None:
        if runner.epoch == 2:
            self.begin()


def test_a_full_disk_ends_with_a_sentence_and_leaves_the_last_good_one(tmp_path, small_disk):
    def fill() -> None:
        with open(small_disk / 'filler', 'wb', buffering=0) as file, suppress(OSError):
            while file.write(bytes(4096)):
                pass

    folder = small_disk / tmp_path.name
    with raises(CheckpointError, folder / 'epoch_3.pth', os.strerror(errno.ENOSPC), folder / 'epoch_2.pth', '--resume'):
        make_runner(tmp_path, EPOCHS, dict(interval=1, max_keep_ckpts=1, out_dir=str(small_disk)), hooks=[Full(fill)]).train()
    assert names(folder) == ['epoch_2.pth'] and pointed(tmp_path) == 'epoch_2.pth'
    check_intact(folder / 'epoch_2.pth')


def test_a_limit_of_the_system(tmp_path):
    with ExitStack() as later:
        hook = Full(lambda: later.enter_context(larger_files_refused()))
        with raises(CheckpointError, tmp_path / 'epoch_3.pth', os.strerror(errno.EFBIG), tmp_path / 'epoch_2.pth', '--resume'):
            make_runner(tmp_path, EPOCHS, dict(interval=1, max_keep_ckpts=1), hooks=[hook]).train()
    assert names(tmp_path) == ['epoch_2.pth'] and pointed(tmp_path) == 'epoch_2.pth'
    check_intact(tmp_path / 'epoch_2.pth')


def test_a_full_disk_at_the_first_checkpoint(tmp_path, monkeypatch):
    def full(*args):
        raise OSError(errno.ENOSPC, 'full')

    monkeypatch.setattr(os, 'fsync', full)
    with raises(CheckpointError, tmp_path / 'epoch_1.pth', os.strerror(errno.ENOSPC)) as error:
        make_runner(tmp_path, EPOCHS, dict(interval=1)).train()
    assert not names(tmp_path) and '--resume' not in str(error.value)


class Unsafe:
    """An object that a resumed training could not read."""


def test_a_checkpoint_that_cannot_be_read_again_is_reported_at_once(tmp_path):
    class Adding(Hook):
        def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
            checkpoint['extra'] = Unsafe()

    with raises(CheckpointError, 'epoch_1.pth', f'{__name__}.Unsafe'):
        make_runner(tmp_path, EPOCHS, dict(interval=1), hooks=[Adding()]).train()
    assert not names(tmp_path)


def test_folders_of_servers_are_refused(tmp_path):
    with raises(ConfigError, 'default_hooks.checkpoint.out_dir', 's3://bucket', "type='CheckpointHook'"):
        make_runner(tmp_path, EPOCHS, dict(interval=1, out_dir='s3://bucket')).train()


def test_another_folder(tmp_path):
    checkpoint = dict(interval=1, out_dir=str(tmp_path / 'elsewhere'), max_keep_ckpts=2)
    with pytest.raises(Interrupted):
        make_runner(tmp_path / 'training', EPOCHS, checkpoint, hooks=[Interruption(9)]).train()
    damage(tmp_path / 'elsewhere/training/epoch_2.pth')
    make_runner(tmp_path / 'training', EPOCHS, checkpoint, resume=True).train()
    assert names(tmp_path / 'elsewhere/training') == ['epoch_3.pth', 'epoch_4.pth'] and not names(tmp_path / 'training')


def test_gradients_are_saved_only_where_some_wait_to_be_applied(tmp_path):
    make_runner(tmp_path, EPOCHS, dict(by_epoch=False, interval=1), accumulated=2).train()
    assert 'gradients' in load_checkpoint_file(tmp_path / 'iter_3.pth')
    assert not load_checkpoint_file(tmp_path / 'iter_4.pth')['gradients']
    gradients = load_checkpoint_file(tmp_path / 'iter_3.pth')['gradients']
    assert any(torch.count_nonzero(gradient) for gradient in gradients.values())
