"""Counting what a data set leaves out, and saying it once."""
import logging
from collections import defaultdict

from mmengine.logging import print_log

_NAMES_SHOWN = 5


class LeftOut:
    """What could not be used, by reason.

    Args:
        source: the split file, for the message.
    """

    def __init__(self, source: str):
        self.source = source
        self.names: dict[str, list[str]] = defaultdict(list)

    def add(self, reason: str, name: str) -> None:
        """Count one thing of `reason`, found in the picture `name`."""
        self.names[reason].append(name)

    def __len__(self) -> int:
        return sum(len(names) for names in self.names.values())

    def summary(self) -> str:
        """One line: how many for each reason, and where the first ones are."""
        parts = []
        for reason, names in self.names.items():
            shown = ', '.join(list(dict.fromkeys(names))[:_NAMES_SHOWN])
            parts.append(f'{len(names)} {reason} ({shown}{", ..." if len(set(names)) > _NAMES_SHOWN else ""})')
        return '; '.join(parts)

    def report(self) -> None:
        """Log the summary as a warning, if there is anything to say."""
        if self.names:
            print_log(f'{self.source}: left out {self.summary()}', logger='current', level=logging.WARNING)
