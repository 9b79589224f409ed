"""Write files atomically: after a crash, a file has either its complete new content or its old content."""
import os
from pathlib import Path
from typing import Any

from .valid_json import dumps

WRITING = '.writing'  # suffix of the name of a file that is being written


def put_in_place(path: str | Path) -> None:
    """Flush `<path>.writing` to the disk and rename it to `<path>`, which replaces an existing file atomically.

    Args:
        path (str | Path): The final path.

    Raises:
        OSError: The file cannot be flushed or renamed.
    """
    path = Path(path)
    written = path.with_name(path.name + WRITING)
    with open(written, 'rb+') as file:
        os.fsync(file.fileno())
    os.replace(written, path)
    sync_folder(path.parent)


def write_text(path: str | Path, text: str) -> None:
    """Write a text file atomically.

    Args:
        path (str | Path): Path of the file.
        text (str): The new content.

    Raises:
        OSError: The file cannot be written.
    """
    path = Path(path)
    path.with_name(path.name + WRITING).write_text(text)
    put_in_place(path)


def write_json(path: str | Path, value: Any) -> None:
    """Write a value as a JSON file atomically.

    Args:
        path (str | Path): Path of the file; missing folders are created.
        value (Any): The new content; NaN and infinity are written as null.

    Raises:
        OSError: The file cannot be written.
    """
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    write_text(path, dumps(value, indent=2) + '\n')


def remove_leftovers(folder: str | Path) -> list[str]:
    """Delete the unfinished `*.writing` files of killed processes.

    Args:
        folder (str | Path): The folder to clean; subfolders are not cleaned.

    Returns:
        list[str]: The names of the deleted files.
    """
    leftovers = sorted(Path(folder).glob(f'*{WRITING}'))
    for path in leftovers:
        path.unlink(missing_ok=True)
    return [path.name for path in leftovers]


def sync_folder(folder: Path) -> None:
    """Flush a folder to the disk, which stores the names of new and renamed files.

    Args:
        folder (Path): The folder.
    """
    if os.name == 'posix':  # Windows does not allow and does not need this call
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
