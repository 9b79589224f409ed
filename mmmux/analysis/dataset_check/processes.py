"""Distribute tasks over processes, and continue when one of the processes is killed."""
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

_TASKS_AHEAD = 8  # tasks queued for each process, so that none waits for its next task
_METHOD = 'fork' if 'fork' in multiprocessing.get_all_start_methods() else 'spawn'


@dataclass(frozen=True)
class Failed:
    """The result of a task that failed.

    Attributes:
        sentence: description of the error, or of how the process ended.
        killed: whether the process ended during the task. Default: False.
    """
    sentence: str
    killed: bool = False


class _Worker:

    def __init__(self, work: Callable[[Any], Any]):
        context = multiprocessing.get_context(_METHOD)
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(work, theirs), daemon=True)
        self.process.start()
        theirs.close()  # otherwise the end of the process would not close the connection
        self.tasks: deque = deque()

    def send(self, task) -> None:
        self.tasks.append(task)
        with contextlib.suppress(OSError):  # the process has ended; the next receive reports it
            self.connection.send(task)

    def end(self) -> str:
        """Wait for the end of the process, and return its signal or exit status as text."""
        self.connection.close()
        self.process.join()
        code = self.process.exitcode
        return f'signal {-code}, {signal.Signals(-code).name}' if code < 0 else f'status {code}'


def share_out(work: Callable[[Any], Any], tasks: Iterable, processes: int) -> Iterator[tuple[Any, Any]]:
    """Apply a function to tasks in several processes; yield each task with its result, in the order of completion.

    If the function raises, or its process is killed (for example by the kernel when memory runs out), the result is a
    :class:`Failed`. A new process replaces a killed one.

    Args:
        work (Callable): function of one task. Forked processes share the memory of the objects that it refers to.
        tasks (Iterable): the tasks, which must be picklable.
        processes (int): number of processes.

    Yields:
        tuple: the task, and the result or a :class:`Failed`.
    """
    tasks = iter(tasks)
    again: deque = deque()  # tasks that were queued for a process when it was killed
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
            # Not SIGTERM, which a starting process can lose: if this process has a handler, the forked copy of it catches the
            # signal, and `_serve` replaces the handler before Python has called it.
            worker.process.kill()
            worker.end()


def _serve(work: Callable[[Any], Any], connection: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C and ends this process
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    cv2.setNumThreads(0)  # one thread a process; a forked process does not have the parent's threads
    with open(os.devnull, 'w') as nowhere:
        os.dup2(nowhere.fileno(), 2)  # decoders print to stderr the damage that the report states
    while True:
        try:
            task = connection.recv()
        except (EOFError, OSError):
            return
        try:
            result = work(task)
        except Exception as error:  # the transforms of each package raise their own types
            result = Failed(f'{type(error).__name__}: {str(error).strip()}')
        try:
            connection.send(result)
        except OSError:
            return
