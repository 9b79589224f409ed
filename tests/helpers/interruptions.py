"""Start trainings, kill them, and compare their checkpoints; the tests of crash-safe training share this module."""
import json
import os
import random
import re
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from forked_process import FORKED
from interruption_points import train
from mmengine.logging import HistoryBuffer
from programs import PATIENCE

from mmmux.checkpoints.safe_loading import load_checkpoint_file

POINTS = ('train_iter', 'half_written', 'written', 'renaming', 'renamed', 'deleting', 'val_iter', 'begin')


@dataclass
class Training:
    """A training with tools/train.py that can be killed and resumed repeatedly.

    Args:
        folder: folder for the work dir, the journal and the output.
        config: the config file.
        options: further arguments of the tool. Default: none.
        pause: seconds between two pieces (64 KiB) of a checkpoint that is written. Default: 0.
    """
    folder: Path
    config: Path
    options: list[str] = field(default_factory=list)
    pause: float = 0.

    @property
    def work(self) -> Path:
        return self.folder / 'work'

    def start(self, wait_at: tuple[str, int] | None = None):
        """Start the tool with --resume, and return the process.

        Args:
            wait_at: see :class:`interruption_points.Points`.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        arguments = [str(self.config), '--work-dir', str(self.work), '--resume', *self.options]
        os.environ['CUDA_VISIBLE_DEVICES'] = ''
        process = FORKED.Process(target=train, args=(self.folder, arguments, wait_at, self.pause))
        process.start()
        return process

    def run(self, status: int = 0) -> None:
        """Train to the end, and assert the exit status."""
        process = self.start()
        self.await_end(process)
        assert process.exitcode == status, self.printed()[-4000:]

    def await_end(self, process) -> None:
        """Wait for the end of a process; kill it and fail after `PATIENCE` seconds, so that it does not disturb other tests."""
        process.join(PATIENCE)
        if process.is_alive():
            process.kill()
            raise AssertionError(f'no end within {PATIENCE} s: {self.printed()[-2000:]}')

    def journal(self) -> list[list[str]]:
        """Return the points passed so far as [name, detail]."""
        path = self.folder / 'journal.txt'
        return [line.split(' ', 1) for line in path.read_text().splitlines()] if path.exists() else []

    def await_point(self, process, name: str, number: int = 1) -> bool:
        """Wait until a point is passed `number` times from now on; return False if the process ends earlier."""
        begin, end = len(self.journal()), time.monotonic() + PATIENCE
        while time.monotonic() < end:
            running = process.is_alive()
            if sum(line[0] == name for line in self.journal()[begin:]) >= number:
                return True
            if not running:
                return False
            time.sleep(0.005)
        process.kill()
        raise AssertionError(f'no {name} within {PATIENCE} s: {self.printed()[-2000:]}')

    def printed(self) -> str:
        path = self.folder / 'printed.txt'
        return path.read_text() if path.exists() else ''

    def last(self) -> Path:
        """Return the path in the file last_checkpoint."""
        return Path((self.work / 'last_checkpoint').read_text())

    def validations(self) -> list[dict]:
        """Return the metrics of every validation in order of time."""
        lines = [json.loads(line) for path in sorted(self.work.glob('*/vis_data/scalars.json'))
                 for line in path.read_text().splitlines()]
        return [{key: value for key, value in line.items() if not key.endswith('time')} for line in lines
                if 'loss' not in line]


def kill_plan(chance: random.Random):
    """Yield (point, waits) pairs for :func:`kill_somewhere` without end, each pair equally often.

    The first is in the middle of writing a checkpoint.
    """
    first = ('half_written', True)
    plan = [(name, waits) for name in POINTS for waits in (True, False) if (name, waits) != first]
    while True:
        yield first
        yield from chance.sample(plan, len(plan))


def kill_somewhere(training: Training, chance: random.Random, name: str, waits: bool,
                   number: signal.Signals = signal.SIGKILL) -> str | None:
    """Start a training, send it a signal near a point, and return the last point that it passed.

    Args:
        training: the training to start.
        chance: random numbers for the number of times that the point is passed first, and for the delay of the signal.
        name: name of the point.
        waits: whether the training waits at the point for the signal, which hits even the shortest intervals; otherwise the
            signal is sent up to 0.15 s after the point.
        number: the signal. Default: SIGKILL.

    Returns:
        The name of the last point, or None if the training ended by itself.
    """
    times = 1 if name == 'begin' else chance.randint(1, 3)
    process = training.start((name, times) if waits else None)
    if waits:
        training.await_point(process, 'waiting')
    else:
        training.await_point(process, name, times)
        time.sleep(chance.uniform(0, 0.15))
    lines = [line for line in training.journal() if line[0] != 'waiting']
    if process.is_alive():
        os.kill(process.pid, number)
    training.await_end(process)
    # -number: the signal came before a handler was set. 128 + number: Python's own Ctrl-C, before the training began.
    if process.exitcode in (-number, 128 + number):
        return lines[-1][0]
    assert process.exitcode == 0, training.printed()[-4000:]
    return None


def differences(one: Path, other: Path) -> list[str]:
    """Return the names of all values that differ in any bit between two checkpoints, except times, folders and git commits."""
    return list(_different(load_checkpoint_file(one), load_checkpoint_file(other), one.name))


_OF_THE_RUN = re.compile(
    r'\.(time|cfg|experiment_name|mmengine_version|eta|(train|val)/(data_)?time|last_ckpt|outdated_ckpts)$')


def _different(one, other, name: str):
    if _OF_THE_RUN.search(name):
        return
    if type(one) is not type(other):
        yield f'{name}: {type(one).__name__} and {type(other).__name__}'
    elif isinstance(one, dict):
        if list(one) != list(other):
            yield f'{name}: {sorted(set(map(str, one)) ^ set(map(str, other)))} or their order'
        for key in one.keys() & other.keys():
            yield from _different(one[key], other[key], f'{name}.{key}')
    elif isinstance(one, (list, tuple)) and len(one) == len(other):
        for place, (first, second) in enumerate(zip(one, other)):
            yield from _different(first, second, f'{name}.{place}')
    elif isinstance(one, HistoryBuffer):
        if not all(np.array_equal(first, second) for first, second in zip(one.data, other.data)):
            yield f'{name}: {one.data} and {other.data}'
    elif isinstance(one, torch.Tensor):
        if one.dtype != other.dtype or one.shape != other.shape or one.numpy().tobytes() != other.numpy().tobytes():
            yield name
    elif isinstance(one, str) and name.endswith(('best_ckpt', )):
        if Path(one).name != Path(other).name:
            yield f'{name}: {one} and {other}'
    elif not np.array_equal(one, other):
        yield f'{name}: {one} and {other}'
