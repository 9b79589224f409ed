"""Work shared out among processes, one of which may be killed without the others waiting for it."""
import contextlib
import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

import cv2

_TASKS_AHEAD = 8  # so that a process does not wait for its next task
_METHOD = 'fork' if 'fork' in multiprocessing.get_all_start_methods() else 'spawn'


@dataclass(frozen=True)
class Failed:
    """Takes the place of a task's result.

    Attributes:
        sentence: what happened.
        killed: whether the process has ended with it.
    """
    sentence: str
    killed: bool = False


class _Worker:

    def __init__(self, work: Callable[[Any], Any]):
        context = multiprocessing.get_context(_METHOD)
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(work, theirs), daemon=True)
        self.process.start()
        theirs.close()  # so that the end of the process ends the connection
        self.tasks: deque = deque()

    def send(self, task) -> None:
        self.tasks.append(task)
        with contextlib.suppress(OSError):  # the process has ended, which receiving finds out
            self.connection.send(task)

    def end(self) -> str:
        """Wait for the end of the process, and say how it ended."""
        self.connection.close()
        self.process.join()
        code = self.process.exitcode
        return f'signal {-code}, {signal.Signals(-code).name}' if code < 0 else f'status {code}'


def share_out(work: Callable[[Any], Any], tasks: Iterable, processes: int) -> Iterator[tuple[Any, Any]]:
    """Do a work in several processes, which share what it refers to; yield each task with its result, as they come.

    A result may be a :class:`Failed`: the work has raised, or its process has ended, as the kernel ends one when memory runs
    out. Then another process takes its place.
    """
    tasks = iter(tasks)
    again: deque = deque()  # tasks that were waiting behind one that killed its process
    workers: list[_Worker] = []

    def feed(worker: _Worker) -> None:
        while len(worker.tasks) < _TASKS_AHEAD:
            try:
                worker.send(again.popleft() if again else next(tasks))
            except StopIteration:
                return

    try:
        for _ in range(processes):
            workers.append(_Worker(work))
            feed(workers[-1])
        while busy := {worker.connection: worker for worker in workers if worker.tasks}:
            for connection in wait(list(busy)):
                worker = busy[connection]
                try:
                    result = connection.recv()
                except (EOFError, OSError):
                    workers.remove(worker)
                    task, *rest = worker.tasks
                    again.extend(rest)
                    yield task, Failed(worker.end(), killed=True)
                    worker = _Worker(work)
                    workers.append(worker)
                else:
                    yield worker.tasks.popleft(), result
                feed(worker)
    finally:
        for worker in workers:
            # SIGTERM can be lost on a process that is beginning: where this one has a handler, a copy of it catches the signal,
            # and `_serve` takes the handler away before Python has called it.
            worker.process.kill()
            worker.end()


def _serve(work: Callable[[Any], Any], connection: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends this
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    cv2.setNumThreads(0)  # one thread a process, and none of the parent's, which a forked process has not got
    with open(os.devnull, 'w') as nowhere:
        os.dup2(nowhere.fileno(), 2)  # decoders complain there of what is reported
    while True:
        try:
            task = connection.recv()
        except (EOFError, OSError):
            return
        try:
            result = work(task)
        except Exception as error:  # of any package's transforms
            result = Failed(f'{type(error).__name__}: {str(error).strip()}')
        try:
            connection.send(result)
        except OSError:
            return
