"""Leaving pictures out of a data set on purpose: a text file of names, and data sets that read it.

A file has one name on each line. A line that begins with `#` says why, and is not read, nor is an empty one; a name that begins
with `#` itself is written `./#name`. `tools/analysis_tools/check_dataset.py --fix-list` writes such files.
"""
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from mmmux.utils.errors import DatasetError

from .skip_report import LeftOut

_COMMENT = '#'
_HERE = './'
_NAMES_SHOWN = 5


class LeavesOut:
    """Mix before a data set: pictures named in a file are left out.

    Args:
        leave_out: the file, as seen from the folder that the program runs in; None leaves out nothing.

    Attributes:
        leave_out: the same.
        unwanted: the names in it.

    Raises:
        DatasetError: the file cannot be read, or names a picture that the data set has not got.
    """

    def __init__(self, *args, leave_out: str | None = None, **kwargs):
        self.leave_out = leave_out
        self.unwanted = dict.fromkeys(read_names(leave_out)) if leave_out else {}
        super().__init__(*args, **kwargs)

    def without_listed(self, pictures: Iterable, left_out: LeftOut, name_of: Callable[..., str] = str) -> list:
        """The pictures that are not named in the file, the others being counted.

        Args:
            pictures: whatever stands for a picture.
            left_out: counts them, and knows what the data set is called.
            name_of: tells the name of one of them.
        """
        pictures = list(pictures)
        if not self.unwanted:
            return pictures
        # Testing goes on as it was asked for, but nobody should take its score for the whole set's.
        reason = f'pictures that {self.leave_out} names' + (', which changes the score' if self.test_mode else '')
        kept, found = [], set()
        for picture in pictures:
            name = name_of(picture)
            if name in self.unwanted:
                found.add(name)
                left_out.add(reason, name)
            else:
                kept.append(picture)
        unknown = [f"'{name}'" for name in self.unwanted if name not in found]
        if unknown:
            shown = ', '.join(unknown[:_NAMES_SHOWN]) + (', ...' if len(unknown) > _NAMES_SHOWN else '')
            raise DatasetError(f'{self.leave_out} (leave_out) names {len(unknown)} pictures that {left_out.source} has not got '
                               f'({shown}): write one name on each line, as the data set has it')
        return kept


def relative_name(path: str, folder: str) -> str:
    """How a picture in a folder is named: by its path inside the folder, with forward slashes."""
    return os.path.relpath(path, folder or '.').replace(os.sep, '/')


def read_names(path: str | Path) -> list[str]:
    """The names in a file, in order.

    Raises:
        DatasetError: it is missing or no text file.
    """
    try:
        lines = Path(path).read_text(encoding='utf-8-sig').splitlines()
    except FileNotFoundError:
        raise DatasetError(f'{path} (leave_out) does not exist: write it with tools/analysis_tools/check_dataset.py '
                           '--fix-list, or by hand with a name on each line') from None
    except (UnicodeDecodeError, OSError) as error:
        raise DatasetError(f'{path} (leave_out) cannot be read as a text file in UTF-8 ({error})') from None
    names = [line.strip() for line in lines if line.strip() and not line.startswith(_COMMENT)]
    return [name.removeprefix(_HERE) for name in names]


def write_names(path: str | Path, reasons: Mapping[str, str]) -> None:
    """Write names, each below the reason why it is left out.

    Raises:
        DatasetError: a name cannot be written on one line.
    """
    lines = []
    for name, reason in reasons.items():
        if name.strip() != name or len(name.splitlines()) != 1:
            raise DatasetError(f'{path} cannot name {name!r}, which begins or ends with a space or holds a line break: rename '
                               'the picture')
        lines += [f'{_COMMENT} {" ".join(reason.split())}',
                  f'{_HERE if name.startswith((_COMMENT, _HERE)) else ""}{name}']
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(''.join(f'{line}\n' for line in lines), encoding='utf-8')
