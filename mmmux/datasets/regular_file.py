"""Get the size of a regular file; reject pipes and devices, because reading from them may never end."""
import os
import stat
from pathlib import Path


def size_of_file(path: str | Path) -> int | None:
    """Return the size of a file in bytes, or None if the path does not exist or is not a regular file."""
    try:
        found = os.stat(path)  # one call: on a network file system each is a round trip
    except (OSError, ValueError):  # the errors that os.path.isfile catches
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None
