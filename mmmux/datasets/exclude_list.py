"""Exclude images from a data set: read and write text files of image names, and filter a data set by one.

A file has one name on each line. Empty lines, and lines that begin with `#`, which state reasons, are ignored; a name that
itself begins with `#` is written `./#name`. `tools/analysis_tools/check_dataset.py --fix-list` writes such files.
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
    """Mixin for a data set: exclude the images that a text file names. Place it before the data set in the list of bases.

    Args:
        *args: positional arguments of the data set.
        leave_out (str, optional): the file, relative to the current directory; None excludes nothing. Default: None.
        **kwargs: keyword arguments of the data set.

    Attributes:
        leave_out (str or None): the argument.
        unwanted (dict[str, None]): the names in the file, in order.

    Raises:
        DatasetError: the file cannot be read, or names an image that the data set does not have.
    """

    def __init__(self, *args, leave_out: str | None = None, **kwargs):
        self.leave_out = leave_out
        self.unwanted = dict.fromkeys(read_names(leave_out)) if leave_out else {}
        super().__init__(*args, **kwargs)

    def without_listed(self, pictures: Iterable, left_out: LeftOut, name_of: Callable[..., str] = str) -> list:
        """Return the images that the file does not name, and count the excluded ones.

        Args:
            pictures (Iterable): one item per image, of any type.
            left_out (LeftOut): counts the excluded images; its `source` names the data set in error messages.
            name_of (Callable): returns the image name of an item. Default: str.

        Returns:
            list: the items that are kept, in order.

        Raises:
            DatasetError: the file names an image that is not in `pictures`.
        """
        pictures = list(pictures)
        unwanted = dict.fromkeys(map(self.spelt, self.unwanted))
        if not unwanted:
            return pictures
        # A test on an explicitly reduced set is allowed, but its score must not be mistaken for that of the whole set.
        reason = f'pictures that {self.leave_out} names' + (', which changes the score' if self.test_mode else '')
        kept, found = [], set()
        for picture in pictures:
            name = name_of(picture)
            if name in unwanted:
                found.add(name)
                left_out.add(reason, name)
            else:
                kept.append(picture)
        unknown = [f"'{name}'" for name in unwanted if name not in found]
        if unknown:
            shown = ', '.join(unknown[:_NAMES_SHOWN]) + (', ...' if len(unknown) > _NAMES_SHOWN else '')
            raise DatasetError(f'{self.leave_out} (leave_out) names {len(unknown)} pictures that {left_out.source} does not '
                               f'have ({shown}): write one name on each line, spelt as in the data set')
        return kept

    def spelt(self, name: str) -> str:
        """Return the image name that a line of the file stands for: by default the line itself."""
        return name


def relative_name(path: str, folder: str) -> str:
    """Return the path of a file relative to a folder, with forward slashes; '' stands for the current directory."""
    return os.path.relpath(path, folder or '.').replace(os.sep, '/')


def read_names(path: str | Path) -> list[str]:
    """Read the names in a file, in order.

    Args:
        path (str or Path): text file in UTF-8.

    Raises:
        DatasetError: the file is missing or is not UTF-8 text.
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
    """Write names to a file, each below a comment line with the reason for its exclusion.

    Args:
        path (str or Path): file to write; its folder is created.
        reasons (Mapping[str, str]): the reason for each name.

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
