"""A trial as a process that can be stopped with everything it started."""
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

_TAIL = 4096  # bytes of a log that its last line is looked for in
_BAR = re.compile(r'\d+%\|.*\|')  # as tqdm draws it


class TrialProcess:
    """`python -m mmmux.search.trial_process` in a session of its own, started when this is made.

    A new Python for each trial rather than a fork of one that has everything imported: that would have asked for the GPU
    already, which a fork cannot use, and would share with all trials whatever went wrong in it.

    Args:
        spec: what to evaluate.
        environment: variables added to this process's own, for example the GPU that it may use.
        cwd: folder that relative paths of the config start from; this process's own by default.
    """

    def __init__(self, spec: TrialSpec, environment: Mapping[str, str], cwd: str | Path | None = None):
        spec.write()
        self.spec, self._stopped = spec, False
        self._started = time.monotonic()
        with open(spec.folder / LOG_FILE, 'wb') as log:
            # It ends when its standard input does, see `mmmux.search.trial_process.end_with_the_search`.
            self._process = subprocess.Popen(
                [sys.executable, '-m', 'mmmux.search.trial_process', str(spec.folder.resolve())], stdin=subprocess.PIPE,
                stdout=log, stderr=log, cwd=cwd, env={**os.environ, 'PYTHONUNBUFFERED': '1', **environment},
                start_new_session=True)

    def result(self) -> TrialResult | None:
        """Wait for the end, or for the time limit; leaves nothing running and the result in the folder.

        Returns:
            TrialResult: None where :meth:`stop` ended it.
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
        """End it and all that it started, at once and without a result."""
        self._stopped = True
        self._kill()

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):  # the latter on a Mac, of one that has just ended
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._process.stdin.close()

    def _without_result(self, status: int | None) -> TrialResult:
        seconds = time.monotonic() - self._started
        if status is None:
            return TrialResult(TIMEOUT, seconds, reason=f'it took more than {self.spec.time_limit:g} s')
        reason = last_line(self.spec.folder / LOG_FILE)
        if status < 0:  # out of memory, a segmentation fault
            reason = f'it died of {signal.Signals(-status).name}' + (f'; its log ends with: {reason}' if reason else '')
        return TrialResult(FAILED, seconds, reason=reason or f'it ended with status {status} and said nothing')


def last_line(log: Path) -> str:
    """The last line of a log that says something; a progress bar that was left standing says nothing."""
    with open(log, 'rb') as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL))
        lines = [line.strip() for line in re.split(r'[\r\n]+', file.read().decode(errors='replace'))]
    telling = [line for line in lines if line and not _BAR.search(line)]
    return telling[-1][:300] if telling else ''
