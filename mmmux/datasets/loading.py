"""Loading pictures in training, where one bad file must not end a run."""
import logging

from mmcv.transforms import LoadImageFromFile
from mmengine.logging import print_log

from mmmux.errors import DatasetError
from mmmux.registry import TRANSFORMS

_MOST_FAILURES_IN_A_ROW = 100


@TRANSFORMS.register_module()
class LoadImageOrSkip(LoadImageFromFile):
    """mmcv's LoadImageFromFile, for training: a picture that cannot be decoded is named once and another one drawn.

    Data sets check their pictures when they start as far as that is cheap; this catches what only decoding finds.

    Raises:
        DatasetError: 100 pictures in a row failed: the data as a whole is at fault. A few bad ones among many never end a run.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._failed: set[str] = set()
        self._in_a_row = 0

    def transform(self, results: dict) -> dict | None:
        """Add `img` (H, W, 3), or return None to have the data set draw another picture."""
        try:
            loaded = super().transform(results)
            self._in_a_row = 0
            return loaded
        except Exception as error:
            path = results['img_path']
            if path not in self._failed:
                self._failed.add(path)
                print_log(f'picture {path} cannot be read ({error}) and is skipped', logger='current', level=logging.WARNING)
            self._in_a_row += 1
            if self._in_a_row >= _MOST_FAILURES_IN_A_ROW:
                raise DatasetError(f'{self._in_a_row} pictures in a row cannot be read, the last one {path}: check the data '
                                   'set and its data_root') from None
            return None
