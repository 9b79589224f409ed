"""Functions that the tests' trials run in their processes instead of a training."""
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from process_end import wait_for


def report(spec) -> dict:
    """Return the metrics in the trial's arguments."""
    return spec.arguments['metrics']


def not_a_number(spec) -> dict:
    """Return a score that is NaN, which no JSON file of arguments can hold."""
    return dict(score=float('nan'))


def report_when_started(spec) -> dict:
    """Wait until another trial hangs, and return the metrics in this trial's arguments."""
    wait_for(Path(spec.arguments['other']) / 'pids')
    return spec.arguments['metrics']


def crash(spec) -> dict:
    """Raise a Python error."""
    raise RuntimeError('no room for 3 tensors\nset a variable and look it up')


def fault(spec) -> dict:
    """End the process by a segmentation fault, which Python cannot catch."""
    print('about to fall', flush=True)
    os.kill(os.getpid(), signal.SIGSEGV)


def hang(spec) -> dict:
    """Start a child process, write both process IDs to the file `pids`, and wait for 600 s, as the child does."""
    child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])
    passing = spec.folder / 'pids.part'
    passing.write_text(f'{os.getpid()} {child.pid}')
    passing.rename(spec.folder / 'pids')
    time.sleep(600)


def meet(spec) -> dict:
    """Wait for another trial that waits for this one, which shows that both run at the same time."""
    (spec.folder / 'here').touch()
    wait_for(Path(spec.arguments['other']) / 'here')
    return dict(score=0.75)


def evaluate_formula(spec) -> dict:
    """Return an accuracy computed from the genome after a short delay; raise for some genomes."""
    time.sleep(0.02 * (sum(spec.genome) % 8))
    if sum(spec.genome) % 7 == 0:
        raise RuntimeError('no such luck')
    return dict(accuracy=1 - 1 / (2 + sum(spec.genome)))
