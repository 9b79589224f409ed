"""Write and remove the two files that let the configs of every program in an environment inherit from `mmmux::...`.

Programs of other packages read a config's `_base_` before anything in it could import mmmux. Python runs the lines of `.pth`
files when it starts: the one that is written here imports a copy of :mod:`mmmux.utils.startup_finder`.
"""
import sysconfig
from pathlib import Path

from . import startup_finder
from .errors import ConfigError

_MODULE = 'mmmux_startup_finder'


def files(folder: str | Path | None = None) -> tuple[Path, Path]:
    """Return the paths of the files.

    Args:
        folder (str | Path | None): A folder whose `.pth` files Python reads. Default: None, the environment's site-packages.
    """
    folder = Path(folder or sysconfig.get_paths()['purelib'])
    return folder / f'{_MODULE}.py', folder / f'{_MODULE}.pth'


def write(folder: str | Path | None = None) -> None:
    """Write the files.

    Args:
        folder (str | Path | None): As in :func:`files`.

    Raises:
        ConfigError: There is no such folder.
        OSError: The folder cannot be written to.
    """
    module, line = files(folder)
    if not module.parent.is_dir():
        raise ConfigError(f'--folder {module.parent} is no folder: give one whose .pth files Python reads, or leave the option '
                          "out for the environment's site-packages")
    module.write_bytes(Path(startup_finder.__file__).read_bytes())
    line.write_text(f'import {_MODULE}; {_MODULE}.start()\n')


def remove(folder: str | Path | None = None) -> list[Path]:
    """Delete the files, and return those that were there.

    Args:
        folder (str | Path | None): As in :func:`files`.

    Raises:
        OSError: A file cannot be deleted.
    """
    found = [path for path in reversed(files(folder)) if path.exists()]
    for path in found:
        path.unlink()
    return found
