"""End the processes that load data when a training or test ends, not when the last reference to them goes."""
from collections.abc import Iterator
from contextlib import contextmanager

from mmengine.runner import Runner

_LOOPS = ('_train_loop', '_val_loop', '_test_loop')  # those that did not run are configs, which the public names would build


@contextmanager
def loader_workers_end(runner: Runner):
    """End the data loading processes of a runner at the end of the context, also after an error.

    In a process that goes on, such as a notebook's, they would stay with their copies of the data set until Python's garbage
    collection finds the runner, and that would wait 5 s for each of them.

    Args:
        runner: the runner, which is not used afterwards.
    """
    try:
        yield
    finally:
        for iterator in list(_iterators(runner)):
            iterator._shutdown_workers()  # torch has no public name for it


def _iterators(runner: Runner) -> Iterator:
    for name in _LOOPS:
        loop = getattr(runner, name, None)
        loader, endless = getattr(loop, 'dataloader', None), getattr(loop, 'dataloader_iterator', None)
        # Persistent workers; those of one pass of our loader; those of mmengine's loop of iterations.
        for keeper, attribute in ((loader, '_iterator'), (loader, 'current_pass'), (endless, '_iterator')):
            iterator = getattr(keeper, attribute, None)
            if hasattr(iterator, '_shutdown_workers'):
                yield iterator
