"""Switch convolutions to torch's own operators, for export and for counting multiply-adds.

Otherwise they are computed in a way that is faster on a CPU.
"""
import contextlib
from collections.abc import Iterator

import torch

_active = False


@contextlib.contextmanager
def export_mode() -> Iterator[None]:
    """Compute each convolution inside with torch's own operator, so that its multiply-adds are those of the architecture."""
    global _active
    before, _active = _active, True
    try:
        yield
    finally:
        _active = before


def in_export_mode() -> bool:
    """Return whether convolutions are torch's own: inside :func:`export_mode`, and while torch makes a graph for export."""
    return _active or is_exporting()


def is_exporting() -> bool:
    """Return whether torch makes a graph for another runtime."""
    return torch.jit.is_tracing() or getattr(torch.compiler, 'is_exporting', bool)()
