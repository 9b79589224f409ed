"""Files that are there in whole or not at all, whatever happens to the process or the machine while they are written."""
import os
from pathlib import Path

WRITING = '.writing'  # the end of a file's name until it is complete


def put_in_place(path: str | Path) -> None:
    """Give `<path>.writing` its name, after its bytes are on the disk; a file of that name is replaced in one step."""
    path = Path(path)
    written = path.with_name(path.name + WRITING)
    with open(written, 'rb+') as file:
        os.fsync(file.fileno())
    os.replace(written, path)
    _sync_folder(path.parent)


def write_text(path: str | Path, text: str) -> None:
    """Replace a text file in one step."""
    path = Path(path)
    path.with_name(path.name + WRITING).write_text(text)
    put_in_place(path)


def remove_leftovers(folder: str | Path) -> list[str]:
    """Delete what was being written when a process was killed, and return the names."""
    leftovers = sorted(Path(folder).glob(f'*{WRITING}'))
    for path in leftovers:
        path.unlink(missing_ok=True)
    return [path.name for path in leftovers]


def _sync_folder(folder: Path) -> None:
    # A new name is part of its folder. Windows has no such call, and no need for it.
    if os.name == 'posix':
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
