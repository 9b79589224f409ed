"""Receive SIGTERM and SIGINT (Ctrl-C) in a training, so that it can save a checkpoint after the current iteration and stop."""
import mmap
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from mmengine.dist import all_reduce, get_world_size
from torch.utils.data import DataLoader

from mmmux.utils import fork_signals
from mmmux.utils.compat import call_at_process_end

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_ITERATIONS_BETWEEN_AGREEMENTS = 10
_watching = []  # the active StopSignals, at most one; a training that failed leaves its own here


class StopSignals:
    """Record the first SIGTERM or SIGINT; the second one ends the process at once.

    Attributes:
        received (int): Number of the received signal, or 0.
        nothing_to_save (bool): Set to True while the first signal, too, may end the process at once.
    """

    def __init__(self):
        self.received = 0
        self.nothing_to_save = False
        self._previous = {}
        self._leaving = mmap.mmap(-1, 1)  # one byte of memory shared with forked processes

    def watch(self) -> None:
        """Install the signal handlers. Outside the main thread, where Python allows no handlers, nothing happens."""
        if self._previous or threading.current_thread() is not threading.main_thread():
            return
        # Deactivate the others first: this object must restore the original handlers, not those of another StopSignals.
        for other in list(_watching):
            other.restore()
        _watching.append(self)
        self._leaving[0] = 0
        # Otherwise a process of multiprocessing would wait for its workers forever.
        call_at_process_end(self._let_workers_go)
        # A multiprocessing.Pool, as in evaluators, ends its children with SIGTERM, so they must have the old handlers.
        fork_signals.keep(self._restore_handlers)
        self._previous = {number: signal.signal(number, self._receive) for number in _SIGNALS}

    def keep_workers(self, loader: DataLoader) -> None:
        """Make the later processes of a data loader ignore SIGTERM and SIGINT until :meth:`restore` or the end of this process.

        Args:
            loader (DataLoader): The data loader; its `worker_init_fn` is replaced.
        """
        if not isinstance(loader.worker_init_fn, _StayingWorker):
            loader.worker_init_fn = _StayingWorker(loader.worker_init_fn, self._leaving)

    def restore(self) -> None:
        """Restore the signal handlers from before :meth:`watch`, and let signals end the data loading processes."""
        self._restore_handlers()
        self._let_workers_go()

    def agreed(self, iteration: int) -> int:
        """Return the signal that any process of the training has received, the same value in all processes; 0 for none.

        With several processes, the signals are exchanged in every tenth iteration only, because the exchange synchronises with
        the GPUs. Other iterations return 0.

        Args:
            iteration (int): Number of finished iterations.
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
        # The signal may have interrupted print or logging, which are not reentrant, so write to the file descriptor.
        os.write(2, f'{signal.Signals(number).name}: the training saves a checkpoint and stops; a second one stops it at once\n'
                 .encode())

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
    """Restore the earlier handlers of SIGTERM and SIGINT at the end of the context, also after a training that failed."""
    try:
        yield
    finally:
        for signals in list(_watching):
            signals.restore()


class _StayingWorker:
    """`worker_init_fn` of a data loader that makes its processes ignore SIGTERM and SIGINT until the parent process ends.

    A terminal or Slurm sends signals to the whole process group, and the training needs the data loading processes until it has
    saved. When the parent ends, it sets `leaving` and its signals end the processes; they also end when the parent has died, as
    all data loading processes of torch do. A spawned process shares no memory with its parent and runs only `inside`.

    Args:
        inside (Callable[[int], None] | None): The data loader's original `worker_init_fn`.
        leaving (mmap.mmap): One byte of shared memory, 1 when the parent is about to end.
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
