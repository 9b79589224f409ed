"""Keep signals that arrive while a process forks from being lost in the child process.

If the parent has a Python handler for a signal, Python discards that signal when it arrives in the child process before the
child's interpreter is ready. `multiprocessing.Pool` ends its child processes with SIGTERM and joins them; it would wait
forever for a child that lost the signal.
"""
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_in_child: list[Callable[[], None]] = []
_mask = threading.local()
_registered = False


def keep(in_child: Callable[[], None]) -> None:
    """Block SIGTERM and SIGINT during every later fork, and call a function in each child process before unblocking them.

    On Windows, which does not fork, nothing happens. The first call registers hooks with :func:`os.register_at_fork`, which
    stay for the life of the process; they do nothing after every function was passed to :func:`stop_keeping`.

    Args:
        in_child (Callable[[], None]): The function to call in each child process, e.g. to restore signal handlers.
    """
    global _registered
    if not hasattr(os, 'register_at_fork'):
        return
    if not _registered:
        os.register_at_fork(before=_block, after_in_parent=_unblock, after_in_child=_begin)
        _registered = True
    _in_child.append(in_child)


def stop_keeping(in_child: Callable[[], None]) -> None:
    """Undo one call of :func:`keep`.

    Args:
        in_child (Callable[[], None]): The function passed to :func:`keep`. An unknown function is ignored.
    """
    if in_child in _in_child:
        _in_child.remove(in_child)


@contextmanager
def sigterm_ends_children() -> Iterator[None]:
    """Let SIGTERM end the processes that are forked in this context at once, as `multiprocessing.Pool` expects.

    A handler in Python that a process inherits runs between two instructions of the interpreter. If the signal arrives just
    before the process begins to wait for a task, the handler does not run.
    """
    keep(_end_on_sigterm)
    try:
        yield
    finally:
        stop_keeping(_end_on_sigterm)


def _end_on_sigterm() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _block() -> None:
    if _in_child:
        _mask.before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)


def _unblock() -> None:
    before = _mask.__dict__.pop('before', None)
    if before is not None:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin() -> None:
    try:
        for function in list(_in_child):
            function()
    finally:
        _unblock()
