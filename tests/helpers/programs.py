"""Run Python programs in separate process groups, and read their output while they run."""
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
PATIENCE = 600  # longest wait in seconds, generous enough for a busy machine


class Programs:
    """Start Python programs with one thread and without a GPU, and end those that still run.

    Args:
        folder: folder for their output, `printed_<number>.txt`.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.started = []
        self.env = dict(os.environ, PYTHONPATH=str(REPOSITORY), OMP_NUM_THREADS='1', MKL_NUM_THREADS='1',
                        CUDA_VISIBLE_DEVICES='')

    def __call__(self, *arguments) -> subprocess.Popen:
        """Start a program; the arguments are those of the Python interpreter."""
        with open(self.folder / f'printed_{len(self.started)}.txt', 'w') as output:
            self.started.append(subprocess.Popen([sys.executable, *map(str, arguments)], env=self.env, stdout=output,
                                                 stderr=output, start_new_session=True))
        return self.started[-1]

    def end(self) -> None:
        """Kill the programs that still run, with their child processes."""
        for process in self.started:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def printed(folder: Path) -> str:
    """Return the output of all programs of a folder, in the order of their starts."""
    return ''.join(path.read_text() for path in sorted(folder.glob('printed_*.txt')))


def await_words(folder: Path, words: str, number: int = 1) -> None:
    """Wait until the output matches a regular expression `number` times; fail after `PATIENCE` seconds."""
    end = time.monotonic() + PATIENCE
    while len(re.findall(words, printed(folder))) < number:
        assert time.monotonic() < end, printed(folder)[-3000:]
        time.sleep(0.02)
