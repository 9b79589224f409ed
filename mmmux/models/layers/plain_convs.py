"""Switch the convolutions of MUXNet from their faster CPU implementations to the plain convolutions of torch."""
import contextlib
from collections.abc import Iterator

import torch

_wanted = False


@contextlib.contextmanager
def plain_convs() -> Iterator[None]:
    """Use the plain convolutions of torch inside this context, so that multiply-adds are counted as the architecture has them.

    The switch applies to the whole process.
    """
    global _wanted
    before, _wanted = _wanted, True
    try:
        yield
    finally:
        _wanted = before


def are_plain() -> bool:
    """Return True inside :func:`plain_convs` and while a graph is exported to another runtime."""
    return _wanted or is_exported()


def is_exported() -> bool:
    """Return True while torch traces or exports a graph for another runtime."""
    return torch.jit.is_tracing() or getattr(torch.compiler, 'is_exporting', bool)()
