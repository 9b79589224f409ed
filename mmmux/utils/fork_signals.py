"""Keep the signals that reach a process while it is being forked.

Python forgets a signal that arrives in a forked process before its interpreter is ready there, if the parent has a handler for
that signal. `multiprocessing.Pool` ends its processes with SIGTERM and waits for them: it would wait for ever.
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
    """Block SIGTERM and SIGINT during every fork from now on, and call a function in each forked process before it gets them.

    Without an effect on Windows, which does not fork. The hooks of :func:`os.register_at_fork` are registered by the first
    call; they do nothing once every function was given to :func:`stop_keeping`.
    """
    global _registered
    if not hasattr(os, 'register_at_fork'):
        return
    if not _registered:
        os.register_at_fork(before=_block, after_in_parent=_unblock, after_in_child=_begin)
        _registered = True
    _in_child.append(in_child)


def stop_keeping(in_child: Callable[[], None]) -> None:
    """Take back :func:`keep` of the same function; nothing happens where there was none."""
    if in_child in _in_child:
        _in_child.remove(in_child)


@contextmanager
def kept() -> Iterator[None]:
    """Keep the signals of the processes that are forked in this context."""
    def nothing() -> None:
        pass

    keep(nothing)
    try:
        yield
    finally:
        stop_keeping(nothing)


def _block() -> None:
    if _in_child:
        _mask.before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)


def _unblock() -> None:
    before = _mask.__dict__.pop('before', None)
    if before is not None:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin() -> None:
    for function in list(_in_child):
        function()
    _unblock()
