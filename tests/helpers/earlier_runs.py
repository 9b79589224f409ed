"""Let a run in this process start as it would in a new one."""
from collections.abc import Iterator

from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope
from mmengine.visualization import Visualizer


def forget_runs() -> None:
    """Remove the visualizers and loggers of earlier runs.

    They write into the folder of that run, and to a standard output that pytest has closed.
    """
    init_default_scope('mmengine')
    # mmengine's base class lists the instances of all, and gives hooks the one that was listed last.
    for kind in {Visualizer, *_derived(Visualizer)}:
        kind._instance_dict.clear()
    MMLogger._instance_dict.clear()


def _derived(kind: type) -> Iterator[type]:
    for each in kind.__subclasses__():
        yield each
        yield from _derived(each)
