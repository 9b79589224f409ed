"""Mark a folder of generated files as complete, so that an interrupted generation is detected and repeated."""
from pathlib import Path

_MARK = 'complete.txt'


def is_complete(folder: Path, arguments: str) -> bool:
    """Return whether the folder was completed with the same arguments; if it was not, remove its mark.

    Args:
        folder (Path): the folder of generated files.
        arguments (str): text that describes the generation, as given to :func:`mark_complete`.
    """
    mark = folder / _MARK
    if mark.exists() and mark.read_text() == arguments:
        return True
    mark.unlink(missing_ok=True)
    return False


def mark_complete(folder: Path, arguments: str) -> None:
    """Write the mark of a complete folder. Call this after the last file is written.

    Args:
        folder (Path): the folder of generated files.
        arguments (str): text that describes the generation, compared by :func:`is_complete`.
    """
    (folder / _MARK).write_text(arguments)
