"""Run one trial of a search in a process that can be stopped together with all processes that it started.

The local executor and the Ray executor start each trial as a :class:`TrialProcess`.
"""
import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from mmmux.search.journal import FAILED, TIMEOUT
from mmmux.search.trial_process import LOG_FILE, TrialResult, TrialSpec

_TAIL = 4096  # bytes at the end of a log in which its last line is searched
_BAR = re.compile(r'\d+%\|.*\|')  # a progress bar of tqdm


class TrialProcess:
    """Start `python -m mmmux.search.trial_process` in a session of its own.

    Each trial runs in a new Python, not in a fork of a process that has imported everything. Such a process would already have
    initialised the GPU, which a fork cannot use, and every trial would inherit its errors.

    Args:
        spec (TrialSpec): Input of the evaluation.
        environment (Mapping[str, str]): Variables added to this process's environment, e.g. the GPU that the trial may use.
        cwd (str | Path | None): Folder from which relative paths of the config start. Default: None, this process's folder.
    """

    def __init__(self, spec: TrialSpec, environment: Mapping[str, str], cwd: str | Path | None = None):
        spec.write()
        self.spec, self._stopped = spec, False
        self._started = time.monotonic()
        with open(spec.folder / LOG_FILE, 'wb') as log:
            # The process ends when its standard input ends, see `mmmux.search.trial_process.end_with_the_search`.
            self._process = subprocess.Popen(
                [sys.executable, '-m', 'mmmux.search.trial_process', str(spec.folder.resolve())], stdin=subprocess.PIPE,
                stdout=log, stderr=log, cwd=cwd, env={**os.environ, 'PYTHONUNBUFFERED': '1', **environment},
                start_new_session=True)

    def result(self) -> TrialResult | None:
        """Wait until the trial ends or exceeds its time limit; then no process is running, and the result is in the folder.

        Returns:
            TrialResult | None: The result; None if :meth:`stop` ended the trial.
        """
        try:
            status = self._process.wait(self.spec.time_limit)
        except subprocess.TimeoutExpired:
            status = None
        finally:
            self._kill()
        if self._stopped:
            return None
        result = TrialResult.read(self.spec.folder)
        if result is None:
            result = self._without_result(status)
            result.write(self.spec.folder)
        return result

    def stop(self) -> None:
        """Kill the trial and all processes that it started; it has no result."""
        self._stopped = True
        self._kill()

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS: PermissionError if it has just ended
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._process.stdin.close()

    def _without_result(self, status: int | None) -> TrialResult:
        seconds = time.monotonic() - self._started
        if status is None:
            return TrialResult(TIMEOUT, seconds, reason=f'it took more than search.time_limit, {self.spec.time_limit:g} s')
        reason = last_line(self.spec.folder / LOG_FILE)
        if status < 0:  # a signal: out of memory or a segmentation fault
            name = signal.Signals(-status).name
            reason = f'signal {name} ended its process' + (f'; its log ends with: {reason}' if reason else '')
        return TrialResult(FAILED, seconds, reason=reason or f'its process ended with status {status} and an empty log')


def last_line(log: Path) -> str:
    """Return the last line of a log, at most 300 characters, that is neither empty nor a progress bar.

    Args:
        log (Path): Log file.

    Returns:
        str: The line; '' for an empty log.
    """
    with open(log, 'rb') as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL))
        lines = [line.strip() for line in re.split(r'[\r\n]+', file.read().decode(errors='replace'))]
    telling = [line for line in lines if line and not _BAR.search(line)]
    return telling[-1][:300] if telling else ''
