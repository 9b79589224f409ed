"""Showing how far the loading of a data set is."""
from collections.abc import Iterable

from mmengine.dist import is_main_process
from tqdm import tqdm

SECONDS_BEFORE_IT_SHOWS = 3


def loading_bar(pictures: Iterable | None = None, total: int | None = None, what: str = 'loading') -> tqdm:
    """A bar that counts pictures: one of the main process, on a terminal, and only if loading takes more than three seconds."""
    return tqdm(pictures, what, total, unit='picture', delay=SECONDS_BEFORE_IT_SHOWS, dynamic_ncols=True,
                disable=None if is_main_process() else True)
