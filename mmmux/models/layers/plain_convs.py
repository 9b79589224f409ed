"""When convolutions are torch's own, as the architecture says, and not computed in a way that is faster on a CPU."""
import contextlib
from collections.abc import Iterator

import torch

_wanted = False


@contextlib.contextmanager
def plain_convs() -> Iterator[None]:
    """Inside it they are torch's own: for counting multiply-adds."""
    global _wanted
    before, _wanted = _wanted, True
    try:
        yield
    finally:
        _wanted = before


def are_plain() -> bool:
    """Whether they are: inside :func:`plain_convs`, and in a graph that is made for another runtime."""
    return _wanted or is_exported()


def is_exported() -> bool:
    """Whether a graph for another runtime is being made."""
    return torch.jit.is_tracing() or getattr(torch.compiler, 'is_exporting', bool)()
