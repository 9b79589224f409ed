"""Write files atomically: after a crash, a file has either its complete new content or its old content."""
import os
from pathlib import Path

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
    """Flush a folder to the disk, which stores the name of a new file. Windows does not allow and does not need this call."""
    if os.name == 'posix':
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
