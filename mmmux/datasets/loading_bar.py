"""Show the progress of loading a data set."""
from collections.abc import Iterable

from mmengine.dist import is_main_process
from tqdm import tqdm

SECONDS_BEFORE_IT_SHOWS = 3


def loading_bar(pictures: Iterable | None = None) -> tqdm:
    """Return a progress bar that counts images.

    The bar appears in the main process only, on a terminal only, and after three seconds of loading.

    Args:
        pictures (Iterable, optional): the items to iterate over; None for manual updates. Default: None.
    """
    return tqdm(pictures, 'loading', unit='picture', delay=SECONDS_BEFORE_IT_SHOWS, dynamic_ncols=True,
                disable=None if is_main_process() else True)
