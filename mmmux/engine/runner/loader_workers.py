"""End the data loading processes of a runner when :func:`mmmux.apis.train` or :func:`mmmux.apis.test` ends."""
from collections.abc import Iterator
from contextlib import contextmanager

from mmengine.runner import Runner

from mmmux.utils.compat import built_loops, end_workers, kept_iterator


@contextmanager
def loader_workers_end(runner: Runner):
    """End the data loading processes of a runner when this context ends, also after an exception.

    Otherwise, in a process that continues, such as a notebook's, the data loading processes would keep their copies of the
    data set until Python's garbage collector finds the runner, and the collector would wait 5 s for each process.

    Args:
        runner (Runner): The runner. It cannot load data afterwards.
    """
    try:
        yield
    finally:
        for iterator in list(_iterators(runner)):
            end_workers(iterator)


def _iterators(runner: Runner) -> Iterator:
    for loop in built_loops(runner):
        loader, endless = getattr(loop, 'dataloader', None), getattr(loop, 'dataloader_iterator', None)
        # The iterators of a loader with persistent workers, of one pass of a NumberedLoader, and of mmengine's iteration loop.
        yield from (kept_iterator(loader), getattr(loader, 'current_pass', None), kept_iterator(endless))
