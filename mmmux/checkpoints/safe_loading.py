"""Load checkpoints without running code from them, on torch 2.1 and later.

A checkpoint is a pickle, and a pickle can name any function and call it. With `weights_only=True`, the default since torch
2.6, torch refuses such pickles. It then also refuses the checkpoints of mmengine, which hold logging histories and numpy
values. This module allows exactly these harmless classes; any other class raises an error that names the class. The config
text that mmengine would execute (`meta.config`) is removed from loaded checkpoints. Loading changes nothing in the process.
"""
import contextlib
import os
from pathlib import Path

import torch

from mmmux.utils.errors import CheckpointError, in_a_line

from .bombs import check_archive
from .restricted_pickle import RESTRICTED_PICKLE

_torch_load = torch.load  # what other packages put in its place later may read anything
_ONLY_TORCHS_OWN_READER = 'TORCH_FORCE_WEIGHTS_ONLY_LOAD'


def load_checkpoint_file(path, map_location=None):
    """Read a checkpoint file, letting through dense tensors, plain values and mmengine's histories only.

    Args:
        path (str | Path | BinaryIO): A file name, or a file opened for binary reading.
        map_location (optional): Device of the tensors, as in :func:`torch.load`. Defaults to None.

    Returns:
        The loaded object, usually a dict.

    Raises:
        CheckpointError: The file does not exist, is damaged, would take more memory or time than a file of its size needs, or
            names a class that is not allowed. No code from the file is run.
    """
    name = _name(path)
    if isinstance(path, (str, Path)) and not Path(path).is_file():
        raise CheckpointError(f'checkpoint {name} does not exist')
    if os.getenv(_ONLY_TORCHS_OWN_READER, '0').lower() in ('1', 'y', 'yes', 'true'):
        raise CheckpointError(f'checkpoint {name} cannot be read while the environment sets {_ONLY_TORCHS_OWN_READER}, which '
                              "forbids every reader but torch's own, and that refuses mmengine's checkpoints: unset it; "
                              'this reader runs no code either')
    try:
        with open(path, 'rb') if isinstance(path, (str, Path)) else contextlib.nullcontext(path) as file:
            check_archive(file)
        # weights_only=True is torch's own list of classes, to which others are added for all of the process only.
        return _without_program(_torch_load(path, map_location=map_location, pickle_module=RESTRICTED_PICKLE,
                                            weights_only=False))
    except CheckpointError as error:
        raise CheckpointError(f'checkpoint {name} {error}') from None
    except Exception as error:  # a damaged pickle can make its reader raise anything
        reason = in_a_line(str(error).strip() or type(error).__name__)
        raise CheckpointError(f'checkpoint {name} cannot be read ({reason}): it is damaged or not a checkpoint') from None


def _without_program(checkpoint):
    # mmengine's Runner.resume executes meta.config, which old versions of mmengine saved, to learn the number of GPUs.
    if isinstance(checkpoint, dict) and isinstance(checkpoint.get('meta'), dict):
        checkpoint['meta'].pop('config', None)
    return checkpoint


def _name(path) -> str:
    return str(path) if isinstance(path, (str, Path)) else getattr(path, 'name', 'from memory')


__all__ = ['load_checkpoint_file']
