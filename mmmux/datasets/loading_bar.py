"""Show the progress of loading a data set."""
from collections.abc import Iterable

from mmengine.dist import is_main_process
from tqdm import tqdm

SECONDS_BEFORE_IT_SHOWS = 3


def loading_bar(pictures: Iterable | None = None, total: int | None = None, what: str = 'loading') -> tqdm:
    """Return a progress bar that counts images.

    The bar appears in the main process only, on a terminal only, and after three seconds of loading.

    Args:
        pictures (Iterable, optional): the items to iterate over; None for manual updates. Default: None.
        total (int, optional): number of images; None takes the length of `pictures`. Default: None.
        what (str): label of the bar. Default: 'loading'.
    """
    return tqdm(pictures, what, total, unit='picture', delay=SECONDS_BEFORE_IT_SHOWS, dynamic_ncols=True,
                disable=None if is_main_process() else True)
