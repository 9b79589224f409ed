"""Write the weights of a checkpoint alone, in a file that is named by its content."""
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

import torch

from mmmux.utils.atomic_write import WRITING, put_in_place
from mmmux.utils.errors import CheckpointError
from mmmux.version import __version__

from .pretrained import dataset_meta_of, state_dict_of
from .safe_loading import load_checkpoint_file

_KEPT = ('epoch', 'iter', 'mmengine_version')  # of `meta`; the config and the name of the run tell folders of this machine
_DIGITS = 8  # of the SHA-256, as in the names of OpenMMLab's files


def publish(source: str | Path, target: str | Path) -> Path:
    """Write the weights, the classes and the versions of a checkpoint, without the optimizer and all else to resume with.

    If averaged weights (EMA) were tested in training, mmengine has them in the checkpoint's `state_dict`: they are published.
    Every torch from 2.1 on reads the file with `weights_only=True`.

    Args:
        source (str | Path): The checkpoint.
        target (str | Path): Name of the new file, e.g. 'muxnet-m.pth'; the first eight digits of its SHA-256 are added.

    Returns:
        Path: The file written, e.g. 'muxnet-m-1a2b3c4d.pth'.

    Raises:
        CheckpointError: The checkpoint cannot be read, or the new file cannot be written.
    """
    checkpoint = load_checkpoint_file(source, map_location='cpu')
    # Each cloned, as a view would be saved with the whole tensor that it shows a part of.
    weights = {name: value.detach().clone() if isinstance(value, torch.Tensor) else value
               for name, value in state_dict_of(checkpoint, str(source)).items()}
    stored = checkpoint.get('meta') if isinstance(checkpoint, Mapping) else None
    stored = stored if isinstance(stored, Mapping) else {}
    meta = dict({key: stored[key] for key in _KEPT if key in stored}, mmmux_version=__version__,
                dataset_meta=_plain(dataset_meta_of(checkpoint)))
    target = Path(target)
    target = target.with_name(target.name.removesuffix('.pth') + '.pth')
    written = target.with_name(target.name + WRITING)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        torch.save(dict(meta=meta, state_dict=weights), written)
        digest = hashlib.sha256(written.read_bytes()).hexdigest()[:_DIGITS]
        named = target.with_name(f'{target.stem}-{digest}.pth')
        os.replace(written, named.with_name(named.name + WRITING))
        put_in_place(named)
    except (OSError, RuntimeError) as error:
        raise CheckpointError(f'{target} cannot be written: {error}') from None
    return named


def _plain(value):
    """Return a value with lists and dicts of Python's own types, which torch reads with `weights_only=True`."""
    if isinstance(value, Mapping):
        return {str(key) if not isinstance(key, int) else key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(map(_plain, value)) if type(value) in (list, tuple) else list(map(_plain, value))
    return value.item() if hasattr(value, 'item') and getattr(value, 'ndim', None) == 0 else value
