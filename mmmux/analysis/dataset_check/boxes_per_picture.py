"""Compare the number of boxes of each image with the numbers that the config's model can learn from and return."""
from collections import Counter
from collections.abc import Iterator

from mmengine.config import Config

from mmmux.config.detector_limits import background_sentence, ignores_background, limit_sentence, output_limit

from .findings import BEYOND_LIMIT, Finding, Reading
from .layout import Layout
from .parts import Part


class BoxesPerPicture:
    """Count, for each data set, the images without boxes and those with more boxes than the model returns.

    Args:
        cfg (Config): the config whose data sets are checked.
    """

    def __init__(self, cfg: Config):
        self.key, self.limit = output_limit(cfg) or ('', None)
        self.background_ignored = ignores_background(cfg)
        self.empty, self.above = Counter(), Counter()
        self.most: dict[int, tuple[int, str]] = {}

    def add(self, number: int, reading: Reading) -> None:
        """Count the boxes of one image.

        Args:
            number (int): number of the data set.
            reading (Reading): the result of reading the image.
        """
        if reading.boxes is None:
            return
        boxes = sum(reading.counts.values())
        self.empty[number] += not boxes
        self.above[number] += self.limit is not None and boxes > self.limit
        self.most[number] = max(self.most.get(number, (0, '')), (boxes, reading.name))

    def findings(self, number: int, part: Part) -> Iterator[Finding]:
        """Yield a finding if images to validate or test on have more boxes than the model returns.

        Args:
            number (int): number of the data set.
            part (Part): the data set.
        """
        if self.above[number] and {'val', 'test'} & set(part.splits):
            most, name = self.most[number]
            yield Finding(BEYOND_LIMIT, part.title, limit_sentence(self.key, self.limit, self.above[number], most, name))

    def notes(self, number: int, part: Part, layout: Layout) -> Iterator[str]:
        """Yield a note if the training set keeps images without boxes and the model learns nothing from them.

        Args:
            number (int): number of the data set.
            part (Part): the data set.
            layout (Layout): the layout that read it.
        """
        left_out = (part.cfg.get('filter_cfg') or {}).get('filter_empty_gt', False)
        if self.empty[number] and self.background_ignored and 'train' in part.splits and not left_out:
            yield background_sentence(self.empty[number], len(layout.names))
