"""Restore the alternate signal stack of a thread that OpenVINO has replaced."""
import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager

_BYTES = 64  # at least the size of stack_t on every system; the content is restored unread


@contextmanager
def signal_stack_kept() -> Iterator[None]:
    """Restore the alternate signal stack of this thread when the `with` block ends (a context manager).

    Compiling a network with OpenVINO installs an alternate signal stack (sigaltstack(2)); deleting the network installs the
    stack that it found. If two networks are compiled, the second finds the stack of the first. If they are deleted in the same
    order, a freed stack stays installed, and the next signal that Python handles kills the process. PyTorch's data loaders
    handle a signal whenever one of their workers ends.
    """
    if os.name != 'posix':
        yield
        return
    sigaltstack = ctypes.CDLL(None).sigaltstack
    before = ctypes.create_string_buffer(_BYTES)
    sigaltstack(None, before)
    try:
        yield
    finally:
        sigaltstack(before, None)
