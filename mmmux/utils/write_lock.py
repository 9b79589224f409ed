"""Let one process at a time write to a folder or a file, so that two runs do not overwrite each other's results.

A lock lasts until it is released or its process ends, also by SIGKILL: it is the operating system's lock of an open file, which
:mod:`filelock` takes and which forked processes do not inherit. A lock file that a killed process leaves behind locks nothing.
"""
import contextlib
import errno
import json
import os
import platform
import warnings
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from .errors import ConfigError, in_a_line
from .output_folder import cause, make_folder
from .valid_json import dumps

LOCK_FILE = '.mmmux.lock'  # name of the lock file of a folder
_SECONDS = 1.  # longest wait for the lock of a process that is ending
_LONGEST = 4096  # bytes of a lock file that are read
# A file system without locks: FUSE, Lustre mounted without `flock`, NFS without its lock service.
_NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP)


class WriteLock:
    """Exclude other processes from a folder or a file until the end of a `with` statement, or until :meth:`release`.

    The lock file is `.mmmux.lock` in a folder, and `.<name>.lock` beside a file; it holds the process number, the host and the
    time, and is deleted on release. If the file system has no locks, a warning is issued and nothing is excluded.

    Args:
        target (str | Path): The folder, created if missing; or the file, whose folder is created if missing.
        option (str): Option or config key that names the target, for messages.
        is_file (bool): Whether the target is a file. Default: False.

    Raises:
        ConfigError: Another process, or this one, holds the lock; or the folder cannot be made or written to.
    """

    def __init__(self, target: str | Path, option: str, is_file: bool = False):
        self.target, self.option = Path(target), option
        folder = make_folder(self.target.parent if is_file else self.target, option)
        self._path = folder / (f'.{self.target.name}.lock' if is_file else LOCK_FILE)
        self._locked_file = None
        # A soft lock, filelock's substitute on a file system without locks, would outlive a killed process.
        self._lock = FileLock(self._path, timeout=_SECONDS, thread_local=False, fallback_to_soft=False, on_acquired=self._sign)
        self._acquire()

    def __enter__(self) -> 'WriteLock':
        return self

    def __exit__(self, *_) -> None:
        self.release()

    def release(self) -> None:
        """Delete the lock file and release the lock. A second call, or one in a forked process, does nothing."""
        if self._lock.is_locked:
            with contextlib.suppress(OSError):  # someone has deleted the folder
                # Not the lock file of another run, which may have taken the place of a folder that was moved away.
                if os.path.samestat(os.lstat(self._path), self._locked_file):
                    self._path.unlink()
            self._lock.release()

    def _acquire(self) -> None:
        try:
            self._lock.acquire()
        except Timeout:
            raise ConfigError(self._refusal()) from None
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise ConfigError(f'{self._named} cannot be written to ({cause(error)}): correct the cause, or name '
                                  'another place') from None
            with contextlib.suppress(OSError):
                self._path.unlink()
            warnings.warn(f'the file system of {self._named} has no file locks ({cause(error)}): a second run that writes '
                          'there will not be noticed', stacklevel=4)

    def _sign(self, descriptor: int) -> None:
        """Write to the locked file who holds the lock."""
        self._locked_file = os.fstat(descriptor)
        now = datetime.now().astimezone().isoformat(timespec='seconds')
        holder = dict(process=os.getpid(), host=platform.node(), since=now)
        os.ftruncate(descriptor, 0)
        os.write(descriptor, dumps(holder).encode() + b'\n')

    @property
    def _named(self) -> str:
        return f'{in_a_line(str(self.target))} ({self.option})'

    def _refusal(self) -> str:
        if not self._path.exists():  # filelock tries again and again where no file can be made, as in /proc
            return f'{self._named} cannot be written to: make it writable, or name another place'
        return f'{self._named} is being written to by {self._holder()}: wait until it ends, or name another place'

    def _holder(self) -> str:
        try:
            with open(self._path, 'rb') as file:
                holder = json.loads(file.read(_LONGEST))
            who, host, since = (in_a_line(str(holder[key])) for key in ('process', 'host', 'since'))
        except (OSError, ValueError, TypeError, KeyError):  # a process that has not written it yet; Windows forbids reading
            return 'another process'
        return f'process {who} on host {host} since {since}'
