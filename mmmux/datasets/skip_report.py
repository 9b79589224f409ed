"""Count the images and boxes that a data set excludes, and log one summary."""
import logging
from collections import defaultdict

from mmengine.logging import print_log

_NAMES_SHOWN = 5
_REASONS_SHOWN = 10


class LeftOut:
    """Collect excluded images and boxes by reason.

    Args:
        source (str): the split file or folder, named in the log message.

    Attributes:
        names (dict[str, list[str]]): for each reason the image names, one entry per excluded image or box.
    """

    def __init__(self, source: str):
        self.source = source
        self.names: dict[str, list[str]] = defaultdict(list)

    def add(self, reason: str, name: str) -> None:
        """Count one excluded image or box.

        Args:
            reason (str): a plural noun phrase, for example 'boxes without area'.
            name (str): name of the image.
        """
        self.names[reason].append(name)

    def __len__(self) -> int:
        return sum(len(names) for names in self.names.values())

    def summary(self) -> str:
        """Return one line with the count and the first image names for each of the first ten reasons."""
        parts = []
        for reason, names in list(self.names.items())[:_REASONS_SHOWN]:
            shown = ', '.join(list(dict.fromkeys(names))[:_NAMES_SHOWN])
            parts.append(f'{len(names)} {reason} ({shown}{", ..." if len(set(names)) > _NAMES_SHOWN else ""})')
        more = len(self.names) - len(parts)
        return '; '.join([*parts, *([f'and {more} further reasons'] if more else [])])

    def report(self) -> None:
        """Log the summary as a warning, unless nothing was excluded."""
        if self.names:
            print_log(f'{self.source}: left out {self.summary()}', logger='current', level=logging.WARNING)
