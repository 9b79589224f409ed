"""Train in a process that writes its progress to a journal, and that can wait at a chosen point to be killed.

This module runs in the process to be killed. The package has no code for it: functions that write files are patched from here.
"""
import os
import runpy
import sys
import time
from pathlib import Path

from spared_time import spare_time

REPOSITORY = Path(__file__).resolve().parents[2]
_PIECE = 2**16


class Points:
    """Write a line to a journal for every point that the process passes.

    Args:
        journal: file to append to.
        wait_at: (name, number): wait when the point of that name is passed for the `number`-th time; None never waits.
    """

    def __init__(self, journal: Path, wait_at: tuple[str, int] | None):
        self.journal = os.open(journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self.wait_at = wait_at
        self.passed = {}

    def __call__(self, name: str, detail: object = '') -> None:
        self.passed[name] = self.passed.get(name, 0) + 1
        os.write(self.journal, f'{name} {detail}\n'.encode())
        if self.wait_at == (name, self.passed[name]):
            os.write(self.journal, b'waiting \n')
            time.sleep(60)


def train(folder: Path, arguments: list[str], wait_at: tuple[str, int] | None, pause: float) -> None:
    """Run tools/train.py as the main program of this process.

    Args:
        folder: folder for the journal and the output.
        arguments: arguments of the tool.
        wait_at: see :class:`Points`.
        pause: seconds between two pieces (64 KiB) of a file that is written.
    """
    printed = os.open(folder / 'printed.txt', os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.dup2(printed, 1)
    os.dup2(printed, 2)
    sys.stdout = os.fdopen(1, 'w', closefd=False)
    sys.stderr = os.fdopen(2, 'w', closefd=False)
    points = Points(folder / 'journal.txt', wait_at)
    _watch_files(points, pause)
    _watch_training(points)
    spare_time()
    os.environ['LOCAL_RANK'] = '0'
    sys.argv = ['train.py', *arguments]
    points('begin')
    try:
        runpy.run_path(str(REPOSITORY / 'tools/train.py'), run_name='__main__')
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def _watch_files(points: Points, pause: float) -> None:
    from mmengine.fileio.backends import LocalBackend

    def put(self, contents: bytes, path) -> None:
        with open(path, 'wb', buffering=0) as file:
            for begin in range(0, len(contents), _PIECE):
                file.write(contents[begin:begin + _PIECE])
                if begin < len(contents) / 2 <= begin + _PIECE:
                    points('half_written', Path(path).name)
                time.sleep(pause)
        points('written', Path(path).name)

    replace, unlink = os.replace, os.unlink

    def noted_replace(source, target, **options) -> None:
        points('renaming', Path(target).name)
        replace(source, target, **options)
        points('renamed', Path(target).name)

    def noted_unlink(path, **options) -> None:
        if str(path).endswith(('.pth', '.writing')):
            points('deleting', Path(os.fsdecode(path)).name)
        unlink(path, **options)

    LocalBackend.put, os.replace, os.unlink = put, noted_replace, noted_unlink


def _watch_training(points: Points) -> None:
    from mmengine.runner import Runner

    call_hook = Runner.call_hook

    def noted_call_hook(self, name: str, **options) -> None:
        call_hook(self, name, **options)
        if name == 'after_train_iter':
            points('trained', self.iter + 1)
        if name in ('before_train_iter', 'after_val_iter'):
            points(name.removeprefix('before_').removeprefix('after_'), self.iter)

    Runner.call_hook = noted_call_hook
