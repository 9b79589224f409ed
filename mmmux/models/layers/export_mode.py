"""Switch convolutions to torch's own operators, for export and for counting multiply-adds.

Otherwise they are computed in a way that is faster on a CPU.
"""
import contextlib
from collections.abc import Iterator

import torch

_active = False


@contextlib.contextmanager
def export_mode() -> Iterator[None]:
    """Compute convolutions inside the `with` block with torch's own operators.

    Their multiply-adds are then those of the architecture.
    """
    global _active
    before, _active = _active, True
    try:
        yield
    finally:
        _active = before


def in_export_mode() -> bool:
    """Return whether convolutions use torch's own operators: inside :func:`export_mode`, and while torch exports a graph.

    Returns:
        bool: True if they do.
    """
    return _active or is_exporting()


def is_exporting() -> bool:
    """Return whether torch traces or exports a graph for another runtime.

    Returns:
        bool: True while it does.
    """
    return torch.jit.is_tracing() or getattr(torch.compiler, 'is_exporting', bool)()
