"""Write fitted anchor sizes as a config."""
import os
from pathlib import Path

from mmengine.config import Config

from mmmux.utils.atomic_write import write_text
from mmmux.utils.errors import ConfigError


def check_target(path: Path, cfg: Config) -> None:
    """Check that a config can be written.

    Args:
        path: the file to write.
        cfg: the config that it will inherit, read from a file.

    Raises:
        ConfigError: `path` is the config itself or does not end in '.py'.
    """
    if path.suffix != '.py':
        raise ConfigError(f'--write {path} must end in .py, as a config does')
    if path.resolve() == Path(cfg.filename).resolve():
        raise ConfigError(f'--write {path} is the config that is read: name another file, which will inherit it')


def write_anchor_config(path: Path, cfg: Config, fitted: dict, how: str) -> None:
    """Write a config that inherits a config and has the fitted anchor sizes.

    Args:
        path: the file to write, see :func:`check_target`; an existing one is replaced.
        cfg: the config, read from a file.
        fitted: the config of the anchor generator, from :func:`mmmux.analysis.anchors.fit_sizes`.
        how: the data that the sizes were fitted to, in words, for the comment of the file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    base = Path(os.path.relpath(cfg.filename, path.parent)).as_posix()
    sizes = ',\n    '.join(f'{key}={list(fitted[key])}' for key in ('min_sizes', 'max_sizes'))
    write_text(path, f'# Anchors fitted to {how}.\n_base_ = {base!r}\n\n'
                     f'model = dict(bbox_head=dict(anchor_generator=dict(\n    {sizes})))\n')
