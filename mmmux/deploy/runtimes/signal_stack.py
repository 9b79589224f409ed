"""OpenVINO leaves a thread a signal stack that is gone; here the thread gets its own back."""
import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager

_BYTES = 64  # more than stack_t has on any system; what is in it is put back as it was


@contextmanager
def signal_stack_kept() -> Iterator[None]:
    """Give the thread the alternate signal stack again that it had before.

    A network that OpenVINO compiles brings a signal stack (sigaltstack(2)) of its own and, when it is deleted, sets the one it
    found. Of two networks the second finds the first one's: deleted in that order, they leave a stack that is no longer there,
    and the next signal that Python handles kills the process. Data loaders handle one whenever a process of theirs ends.
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
