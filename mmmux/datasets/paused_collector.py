"""Pause Python's garbage collector while many objects are created that all stay alive."""
import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def collector_paused() -> Iterator[None]:
    """Disable the collector of reference cycles inside the context; it would traverse millions of annotations repeatedly."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
