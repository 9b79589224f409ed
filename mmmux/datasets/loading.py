"""Loading pictures in training, where one bad file must not end a run."""
import logging

from mmcv.transforms import LoadImageFromFile
from mmengine.logging import print_log

from mmmux.errors import DatasetError
from mmmux.registry import TRANSFORMS

_MOST_FAILURES = 100


@TRANSFORMS.register_module()
class LoadImageOrSkip(LoadImageFromFile):
    """mmcv's LoadImageFromFile, for training: a picture that cannot be decoded is named once and another one drawn.

    Data sets check their pictures when they start as far as that is cheap; this catches what only decoding finds.

    Raises:
        DatasetError: more than 100 different pictures failed in one data loading process: the data as a whole is at fault.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._failed: set[str] = set()

    def transform(self, results: dict) -> dict | None:
        """Add `img` (H, W, 3), or return None to have the data set draw another picture."""
        try:
            return super().transform(results)
        except Exception as error:
            path = results['img_path']
            if path not in self._failed:
                self._failed.add(path)
                print_log(f'picture {path} cannot be read ({error}) and is skipped', logger='current', level=logging.WARNING)
            if len(self._failed) > _MOST_FAILURES:
                raise DatasetError(f'{len(self._failed)} pictures cannot be read, the last one {path}: check the data set and '
                                   'its data_root') from None
            return None
