"""Telling a file from a pipe or a device, reading from which may never end."""
import os
import stat
from pathlib import Path


def size_of_file(path: str | Path) -> int | None:
    """The size in bytes of a regular file, or None if there is no file, or something else than one."""
    try:
        found = os.stat(path)  # once: on a network file system each call is a round trip
    except (OSError, ValueError):  # as os.path.isfile
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None
