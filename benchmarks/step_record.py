"""Run commands in sequence, each with a time limit, and record their results in a JSON file.

This module uses the standard library only, because the tested packages may not be installed yet.
"""
import contextlib
import json
import os
import re
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

PASSED, FAILED, TIMED_OUT, NOT_RUN, LEFT_OUT, RUNNING = 'passed', 'failed', 'timed out', 'not run', 'left out', 'running'
_LONGEST_SENTENCE = 400


class StepError(Exception):
    """The result of a step is not as expected; the message is one sentence."""


class StepRecord:
    """Run steps and record their status and results. The file is replaced atomically before and after each step.

    Args:
        out: the JSON file.
        minutes: time limit of all steps; then the running step is ended, and no other starts.
        facts: further entries of the file.
        folder: folder for the commands' output, `<step>.log`.
        names: replacements, in the file, for paths of this machine.
    """

    def __init__(self, out: Path, minutes: float, facts: Mapping, folder: Path, names: Mapping[str, str]):
        self.out, self.folder, self.names = out, folder, dict(names)
        self.total, self.end = minutes * 60, time.monotonic() + minutes * 60
        self.data = dict(facts, minutes=minutes, steps={})
        for place in (out.parent, folder):
            place.mkdir(parents=True, exist_ok=True)
        self.write()

    @property
    def passed(self) -> bool:
        """Whether every step passed or was skipped on purpose."""
        return all(step['status'] in (PASSED, LEFT_OUT) for step in self.data['steps'].values())

    def run(self, name: str, command: Sequence, share: float, environment: Mapping[str, str], cwd: Path,
            read: Callable[[str], dict] = lambda log: {}, into: dict | None = None, after: Sequence[str] = ()) -> bool:
        """Run a command as a step.

        Args:
            name: name of the step.
            command: program and arguments.
            share: time limit of the step as a share of all minutes, 0 to 1.
            environment: environment variables to add to those of this process.
            cwd: working directory of the command.
            read: returns the results from the command's output; a :class:`StepError` fails the step. Default: no results.
            into: dict that receives the results. Default: the step's own entry.
            after: names of steps that must have passed; otherwise this one is not run. Default: none.

        Returns:
            Whether the step passed.
        """
        missing = [step for step in after if self.data['steps'].get(step, {}).get('status') != PASSED]
        limit = min(share * self.total, self.end - time.monotonic())
        if missing or limit <= 0:
            reason = f"it needs the step '{missing[0]}', which did not pass" if missing else \
                f'the other steps took all {self.data["minutes"]:g} minutes: give more with --minutes'
            return self.note(name, NOT_RUN, reason)
        command = [str(word) for word in command]
        entry = self.data['steps'][name] = dict(status=RUNNING, limit_seconds=round(limit),
                                                command=self._named(shlex.join(command)))
        self.write()
        print(f'{name} ...', flush=True)
        log, started = self.folder / (re.sub(r'\W+', '_', name) + '.log'), time.monotonic()
        status = self._run(command, dict(os.environ, **environment), cwd, log, limit)
        entry['seconds'] = round(time.monotonic() - started, 1)
        printed = log.read_text(errors='replace')
        if status is None:
            return self.note(name, TIMED_OUT, f'ended at its limit of {limit:.0f} s; the last line was: {_last_line(printed)}')
        if status:
            return self.note(name, FAILED, _last_line(printed) or f'ended with status {status} and printed nothing')
        try:
            (entry if into is None else into).update(read(printed))
        except StepError as error:
            return self.note(name, FAILED, str(error))
        except Exception as error:  # a log or file of an unexpected form
            return self.note(name, FAILED, f'its output or result file cannot be read: {type(error).__name__}: {error}')
        return self.note(name, PASSED)

    def note(self, name: str, status: str, reason: str = '') -> bool:
        """Set the status of a step, and the reason if it has not passed; return whether it has passed."""
        entry = self.data['steps'].setdefault(name, {})
        entry['status'] = status
        if reason:
            entry['reason'] = self._named(reason)
        self.write()
        print(f'{name}: {status}' + (f' ({entry["reason"]})' if reason else ''), flush=True)
        return status == PASSED

    def write(self) -> None:
        """Replace the file atomically, so that an aborted run leaves the last complete version."""
        writing = self.out.with_name(self.out.name + '.writing')
        writing.write_text(json.dumps(self.data, indent=2) + '\n')
        os.replace(writing, self.out)

    def _run(self, command: list[str], environment: dict, cwd: Path, log: Path, limit: float) -> int | None:
        """Run a command and end its whole process group; return its exit status, or None at the time limit (seconds)."""
        with open(log, 'w') as output:
            process = subprocess.Popen(command, env=environment, cwd=cwd, stdin=subprocess.DEVNULL, stdout=output,
                                       stderr=subprocess.STDOUT, start_new_session=True)
            try:
                return process.wait(limit)
            except subprocess.TimeoutExpired:
                return None
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def _named(self, text: str) -> str:
        for place in sorted(self.names, key=len, reverse=True):
            text = text.replace(place, self.names[place])
        return text


def _last_line(printed: str) -> str:
    """Return the last line that begins with an error's name, else the last line."""
    lines = [line.strip() for line in printed.splitlines() if line.strip()]
    errors = [line for line in lines if re.match(r'(?:[\w.]*(?:Error|Exception|Interrupt)|ERROR|error)\b', line)]
    return re.sub(r'^mmmux\.utils\.errors\.\w+: ', '', (errors or lines or [''])[-1])[:_LONGEST_SENTENCE]
