"""One process at a time writes to a folder or a file."""
import errno
import fcntl
import multiprocessing
import os
import platform
import signal
import threading
import warnings
from datetime import datetime, timedelta

import pytest
from facts import assert_facts, raises, warns
from lock_holder import facts_of, held_elsewhere, lock_is_free
from process_end import has_ended

from mmmux.utils.errors import ConfigError
from mmmux.utils.write_lock import LOCK_FILE, WriteLock


@pytest.fixture(autouse=True)
def _nobody_waits(monkeypatch):
    """Nor do the processes that are forked from this one."""
    monkeypatch.setattr('mmmux.utils.write_lock._SECONDS', 0)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / 'a/run'


def test_second_process_is_told_of_the_first(folder):
    with held_elsewhere(folder) as (number, ):
        process, host, since = facts_of(folder / LOCK_FILE)
        assert (process, host) == (number, platform.node())
        assert timedelta() <= datetime.now().astimezone() - datetime.fromisoformat(since) < timedelta(minutes=5)
        with raises(ConfigError, folder, '--work-dir', number, host, since):
            WriteLock(folder, '--work-dir')
        assert facts_of(folder / LOCK_FILE) == [process, host, since]  # the one that was refused has left it alone


def test_a_killed_process_leaves_a_file_that_locks_nothing(folder):
    with held_elsewhere(folder) as (number, ):
        os.kill(number, signal.SIGKILL)
        assert has_ended(number) and facts_of(folder / LOCK_FILE)[0] == number
        with WriteLock(folder, '--work-dir'):
            assert facts_of(folder / LOCK_FILE)[0] == os.getpid() and not lock_is_free(folder)
        assert not list(folder.iterdir())


def test_a_forked_process_does_not_keep_the_lock_of_a_killed_one(folder):
    with held_elsewhere(folder, with_child=True) as (number, child):
        os.kill(number, signal.SIGKILL)
        assert has_ended(number) and not has_ended(child, 0.1)
        WriteLock(folder, '--work-dir').release()


def test_a_forked_process_cannot_release_the_lock(folder):
    with WriteLock(folder, '--work-dir') as lock:
        process = multiprocessing.get_context('fork').Process(target=lock.release)
        process.start()
        process.join()
        assert process.exitcode == 0 and (folder / LOCK_FILE).exists() and not lock_is_free(folder)


def test_a_run_that_is_ending_is_waited_for(folder, monkeypatch):
    monkeypatch.setattr('mmmux.utils.write_lock._SECONDS', 5)
    first = WriteLock(folder, '--work-dir')
    threading.Timer(0.2, first.release).start()
    with WriteLock(folder, '--work-dir'):
        assert facts_of(folder / LOCK_FILE)[0] == os.getpid()
    assert not list(folder.iterdir())


@pytest.mark.parametrize('error', [None, RuntimeError, KeyboardInterrupt, SystemExit])
def test_one_process_runs_again_after_the_first_run_has_ended(folder, error):
    kept = None
    try:
        with WriteLock(folder, '--work-dir'):
            with raises(ConfigError, folder, os.getpid()):  # in another cell, or thread, of the same notebook
                WriteLock(folder, '--work-dir')
            if error:
                raise error
    except BaseException as caught:
        kept = caught  # with the frames of the run, as a notebook keeps its last error
    assert (kept and type(kept)) == error and lock_is_free(folder)
    WriteLock(folder, '--work-dir').release()


def test_a_file_excludes_only_itself(tmp_path):
    with held_elsewhere(tmp_path / 'a.pkl', is_file=True) as (number, ):
        with raises(ConfigError, tmp_path / 'a.pkl', '--out', number):
            WriteLock(tmp_path / 'a.pkl', '--out', is_file=True)
        with WriteLock(tmp_path / 'b.pkl', '--out', is_file=True), WriteLock(tmp_path, '--work-dir'):
            pass
    with WriteLock(tmp_path / 'a.pkl', '--out', is_file=True):
        pass
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize('number', [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_warned_of_once(folder, monkeypatch, number):
    def flock(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, 'flock', flock)
    with warnings.catch_warnings(record=True) as issued:
        warnings.simplefilter('always')
        lock = WriteLock(folder, '--work-dir')
    (warning, ) = issued
    assert_facts(str(warning.message), folder, '--work-dir', os.strerror(number))
    with warns(UserWarning, folder), WriteLock(folder, '--work-dir'):  # beside the first
        pass
    lock.release()
    assert not list(folder.iterdir())


@pytest.mark.parametrize('content', [b'', b'{', b'[1]', b'{"process": 3}', b'\xff\0' * 9000, b'null'])
def test_a_holder_that_has_not_written_its_name(folder, content):
    folder.mkdir(parents=True)
    (folder / LOCK_FILE).write_bytes(content)
    with open(folder / LOCK_FILE) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with raises(ConfigError, folder, '--work-dir'):
            WriteLock(folder, '--work-dir')
    WriteLock(folder, '--work-dir').release()


def test_a_forged_name_stays_one_line(folder):
    folder.mkdir(parents=True)
    (folder / LOCK_FILE).write_text('{"process": 3, "host": "a\\nerror: b", "since": "' + 'x' * 3000 + '"}')
    with open(folder / LOCK_FILE) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with raises(ConfigError, folder, 'process 3') as caught:
            WriteLock(folder, '--work-dir')
    assert len(str(caught.value)) < 1000


def test_a_lock_file_that_points_elsewhere_is_not_followed(folder, tmp_path):
    folder.mkdir(parents=True)
    (tmp_path / 'precious').write_text('precious')
    (folder / LOCK_FILE).symlink_to(tmp_path / 'precious')
    with raises(ConfigError, folder, '--work-dir', os.strerror(errno.ELOOP)):
        WriteLock(folder, '--work-dir')
    assert (tmp_path / 'precious').read_text() == 'precious'


def test_the_lock_of_a_folder_that_was_moved_away_leaves_the_next_one_alone(folder):
    with WriteLock(folder, '--work-dir') as first:
        folder.rename(folder.with_name('moved'))
        with WriteLock(folder, '--work-dir'):
            first.release()
            assert (folder / LOCK_FILE).exists() and not lock_is_free(folder)
