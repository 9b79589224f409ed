"""What the trials of the tests call in their own processes instead of a training."""
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from process_end import wait_for


def report(spec) -> dict:
    """The metrics given as arguments."""
    return spec.arguments['metrics']


def report_when_started(spec) -> dict:
    """The same, once another trial hangs."""
    wait_for(Path(spec.arguments['other']) / 'pids')
    return spec.arguments['metrics']


def crash(spec) -> dict:
    """A Python error."""
    raise RuntimeError('no room for 3 tensors\nset a variable and look it up')


def fault(spec) -> dict:
    """An end that Python does not see."""
    print('about to fall', flush=True)
    os.kill(os.getpid(), signal.SIGSEGV)


def hang(spec) -> dict:
    """Wait for ever, as does a child of this process; both leave their numbers."""
    child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])
    passing = spec.folder / 'pids.part'
    passing.write_text(f'{os.getpid()} {child.pid}')
    passing.rename(spec.folder / 'pids')
    time.sleep(600)


def meet(spec) -> dict:
    """Wait for another trial that waits for this one."""
    (spec.folder / 'here').touch()
    wait_for(Path(spec.arguments['other']) / 'here')
    return dict(score=0.75)


def evaluate_formula(spec) -> dict:
    """An accuracy that follows from the genome, after a moment; some networks cannot be evaluated."""
    time.sleep(0.02 * (sum(spec.genome) % 8))
    if sum(spec.genome) % 7 == 0:
        raise RuntimeError('no such luck')
    return dict(accuracy=1 - 1 / (2 + sum(spec.genome)))
