"""Hold the lock of a folder or file in another process, as a second run does."""
import json
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmmux.utils.errors import ConfigError
from mmmux.utils.write_lock import WriteLock

_FORK = multiprocessing.get_context('fork')  # its process is there in milliseconds, and uses neither torch nor threads


@contextmanager
def held_elsewhere(target: Path, is_file: bool = False, with_child: bool = False) -> Iterator[list[int]]:
    """Hold a lock in a process of its own while this context lasts; yield its number, and that of its child if it has one.

    Args:
        target: the folder or file.
        is_file: whether it is a file. Default: False.
        with_child: whether the process forks a child while it holds the lock, as a data loader does. Default: False.
    """
    ours, theirs = _FORK.Pipe()
    process = _FORK.Process(target=_hold, args=(target, is_file, with_child, theirs), daemon=True)
    process.start()
    theirs.close()  # otherwise `recv` would wait for a process that has failed
    numbers = ours.recv()
    try:
        yield numbers
    finally:
        process.kill()
        process.join()
        for child in numbers[1:]:
            os.kill(child, signal.SIGKILL)


def lock_is_free(target: Path) -> bool:
    """Return whether another process can lock a folder and release it again."""
    process = _FORK.Process(target=_try, args=(target, ))
    process.start()
    process.join()
    return process.exitcode == 0


def facts_of(lock_file: Path) -> list[object]:
    """Return the facts that a refusal has to name: the process number, host and time in the lock file."""
    holder = json.loads(lock_file.read_text())
    return [holder['process'], holder['host'], holder['since']]


def _hold(target: Path, is_file: bool, with_child: bool, theirs) -> None:
    lock = WriteLock(target, '--out', is_file)
    child = os.fork() if with_child else None
    if child != 0:
        theirs.send([os.getpid(), *([child] if with_child else [])])
    time.sleep(600)
    lock.release()


def _try(target: Path) -> None:
    try:
        WriteLock(target, '--out').release()
    except ConfigError:
        sys.exit(1)
