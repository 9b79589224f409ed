"""Loading pictures: a bad one gets a sentence in testing, and does not end a run in training."""
import logging

import cv2
from mmcv.transforms import LoadImageFromFile
from mmengine.logging import print_log

from mmmux.errors import DatasetError
from mmmux.registry import TRANSFORMS

_MOST_FAILURES_IN_A_ROW = 100


@TRANSFORMS.register_module()
class LoadImage(LoadImageFromFile):
    """mmcv's LoadImageFromFile, which tells a picture that cannot be decoded in a sentence. Arguments as in mmcv.

    Raises:
        DatasetError: the picture is missing or damaged.
    """

    def transform(self, results: dict) -> dict:
        """Add `img` (H, W, 3)."""
        try:
            return super().transform(results)
        except (OSError, AssertionError, ValueError, cv2.error) as error:
            raise DatasetError(f'picture {results["img_path"]} cannot be read ({str(error).strip()})') from None


class SkipUnusable:
    """Mix into a loading transform for training: what cannot be used is named, and None has the data set draw another picture.

    Raises:
        DatasetError: 100 in a row failed: the data as a whole is at fault. A few bad ones among many never end a run. Or it is
            one of `NEVER_SKIPPED`.
    """

    NEVER_SKIPPED: type[DatasetError] | tuple = ()

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._said: set[str] = set()
        self._in_a_row = 0

    def load(self, results: dict) -> dict:
        """Load without skipping: what cannot be used raises."""
        return super().transform(results)

    def transform(self, results: dict) -> dict | None:
        """Load, or return None."""
        try:
            loaded = self.load(results)
            self._in_a_row = 0
            return loaded
        except self.NEVER_SKIPPED:
            raise
        except DatasetError as error:
            sentence = str(error)
        if sentence not in self._said:
            self._said.add(sentence)
            print_log(f'{sentence} and is skipped', logger='current', level=logging.WARNING)
        self._in_a_row += 1
        if self._in_a_row >= _MOST_FAILURES_IN_A_ROW:
            raise DatasetError(f'{self._in_a_row} pictures in a row cannot be used, the last one because {sentence}: check the '
                               'data set and its data_root')
        return None


@TRANSFORMS.register_module()
class LoadImageOrSkip(SkipUnusable, LoadImage):
    """For training: a picture that cannot be decoded is named, once in each loading process, and another one is drawn.

    Data sets check their pictures when they start as far as that is cheap; this catches what only decoding finds.
    """
