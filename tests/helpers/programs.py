"""Programs in process groups of their own, and what they print while they run."""
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
PATIENCE = 600  # seconds; of a machine with much else to do


class Programs:
    """Starts Python programs with one thread and without a GPU, and ends what is left of them.

    Args:
        folder: what they print goes to `printed_<number>.txt` there.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.started = []
        self.env = dict(os.environ, PYTHONPATH=str(REPOSITORY), OMP_NUM_THREADS='1', MKL_NUM_THREADS='1',
                        CUDA_VISIBLE_DEVICES='')

    def __call__(self, *arguments) -> subprocess.Popen:
        """Start one."""
        with open(self.folder / f'printed_{len(self.started)}.txt', 'w') as output:
            self.started.append(subprocess.Popen([sys.executable, *map(str, arguments)], env=self.env, stdout=output,
                                                 stderr=output, start_new_session=True))
        return self.started[-1]

    def end(self) -> None:
        """Kill what still runs."""
        for process in self.started:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def printed(folder: Path) -> str:
    """What all programs of a folder have printed, in the order of their starts."""
    return ''.join(path.read_text() for path in sorted(folder.glob('printed_*.txt')))


def await_words(folder: Path, words: str, number: int = 1) -> None:
    """Wait until a regular expression was printed that often."""
    end = time.monotonic() + PATIENCE
    while len(re.findall(words, printed(folder))) < number:
        assert time.monotonic() < end, printed(folder)[-3000:]
        time.sleep(0.02)
