"""SIGTERM and Ctrl-C as a wish that is granted at the next good moment."""
import mmap
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.util import Finalize

import torch
from mmengine.dist import all_reduce, get_world_size
from torch.utils.data import DataLoader

from mmmux.utils import fork_signals

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_ITERATIONS_BETWEEN_AGREEMENTS = 10
_watching = []  # the one that listens: a training that failed has left its own behind


class StopSignals:
    """Remembers that the process was asked to stop; a second signal ends it at once.

    Attributes:
        received: the number of the signal, or 0.
        nothing_to_save: set it where the first signal may end the process, too.
    """

    def __init__(self):
        self.received = 0
        self.nothing_to_save = False
        self._previous = {}
        self._leaving = mmap.mmap(-1, 1)  # one byte that forked processes see, too

    def watch(self) -> None:
        """Begin to listen; outside the main thread, where Python allows no handlers, nothing changes."""
        if self._previous or threading.current_thread() is not threading.main_thread():
            return
        # Stacked, each would restore another's handlers instead of those of the time before.
        for other in list(_watching):
            other.restore()
        _watching.append(self)
        self._leaving[0] = 0
        # Not by atexit, which processes of multiprocessing do not heed: they would wait for their workers for ever.
        Finalize(None, self._let_workers_go, exitpriority=0)
        # A pool of processes, as evaluators use it, ends its children with SIGTERM and waits: they have the old handlers.
        fork_signals.keep(self._restore_handlers)
        self._previous = {number: signal.signal(number, self._receive) for number in _SIGNALS}

    def keep_workers(self, loader: DataLoader) -> None:
        """Have the processes that a data loader starts from now on outlive a signal, until this one ends."""
        if not isinstance(loader.worker_init_fn, _StayingWorker):
            loader.worker_init_fn = _StayingWorker(loader.worker_init_fn, self._leaving)

    def restore(self) -> None:
        """Have the signals do again what they did before."""
        self._restore_handlers()
        self._let_workers_go()

    def agreed(self, iteration: int) -> int:
        """The signal that any process of the training has received, known to all in the same iteration; 0 for none.

        Several processes ask each other in every tenth iteration only, as the answer waits for their GPUs.
        """
        if get_world_size() == 1:
            return self.received
        if iteration % _ITERATIONS_BETWEEN_AGREEMENTS:
            return 0
        highest = torch.tensor(self.received)
        all_reduce(highest, 'max')
        return int(highest)

    def _receive(self, number: int, frame) -> None:
        self.received = number
        for each in _SIGNALS:
            signal.signal(each, signal.SIG_DFL)
        if self.nothing_to_save:
            raise SystemExit(128 + number)
        # Not by way of print or logging, which the signal may have interrupted.
        os.write(2, f'{signal.Signals(number).name}: training saves and stops; send it again to stop at once\n'.encode())

    def _restore_handlers(self) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._previous = {}
        fork_signals.stop_keeping(self._restore_handlers)
        if self in _watching:
            _watching.remove(self)

    def _let_workers_go(self) -> None:
        self._leaving[0] = 1


@contextmanager
def handlers_restored() -> Iterator[None]:
    """Give SIGTERM and SIGINT back what they did before at the end of the context, also after a training that failed."""
    try:
        yield
    finally:
        for signals in list(_watching):
            signals.restore()


class _StayingWorker:
    """A `worker_init_fn` after which a signal to the whole group, as a terminal or Slurm sends it, does not end the process.

    Training still needs it until it has saved. Its parent's signals at the end are heeded, and it ends when its parent is dead,
    as torch's processes do. A process that is spawned instead of forked shares no memory: it gets what is inside only.

    Args:
        inside: another `worker_init_fn`, or None.
        leaving: one shared byte, set when the parent is about to end.
    """

    def __init__(self, inside: Callable[[int], None] | None, leaving: mmap.mmap):
        self._inside = inside
        self._leaving = leaving

    def __call__(self, worker_id: int) -> None:
        for number in _SIGNALS:
            signal.signal(number, self._receive)
        if self._inside is not None:
            self._inside(worker_id)

    def __reduce__(self):
        return _itself, (self._inside, )

    def _receive(self, number: int, frame) -> None:
        if self._leaving[0]:
            os._exit(0)


def _itself(inside: Callable[[int], None] | None) -> Callable[[int], None] | None:
    return inside
