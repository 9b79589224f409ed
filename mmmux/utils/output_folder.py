"""Make the folder that a program writes to; for each cause, a folder that cannot be made is one sentence."""
import os
from pathlib import Path

from .errors import ConfigError, in_a_line


def make_folder(folder: str | Path, option: str) -> Path:
    """Make a folder and the folders above it; an existing folder is left as it is.

    Args:
        folder (str | Path): The folder.
        option (str): Option or config key that names the folder, for the error message.

    Returns:
        Path: The folder.

    Raises:
        ConfigError: The folder cannot be made.
    """
    try:
        path = Path(folder)
        path.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:  # ValueError: a null byte, or a letter that the file system cannot write
        raise ConfigError(f'folder {in_a_line(str(folder))} ({option}) cannot be made ({cause(error)}): name a folder below '
                          'one that can be written to') from None
    return path


def cause(error: Exception) -> str:
    """Return the cause of a failed file operation in a few words.

    Args:
        error (Exception): The OSError or ValueError of the operation.
    """
    return os.strerror(error.errno) if isinstance(error, OSError) and error.errno else in_a_line(str(error))
