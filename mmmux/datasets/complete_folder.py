"""Knowing whether a folder of generated files is complete, so that an interrupted generation is not taken for one."""
from pathlib import Path

_MARK = 'complete.txt'


def is_complete(folder: Path, arguments: str) -> bool:
    """Whether :func:`mark_complete` was the last thing done to the folder, with the same arguments; if not, the mark goes."""
    mark = folder / _MARK
    if mark.exists() and mark.read_text() == arguments:
        return True
    mark.unlink(missing_ok=True)
    return False


def mark_complete(folder: Path, arguments: str) -> None:
    """Say that everything is written."""
    (folder / _MARK).write_text(arguments)
