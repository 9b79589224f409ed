"""Load checkpoints without running code from them, on torch 2.1 and later.

A checkpoint is a pickle, and a pickle can name any function and call it. With `weights_only=True`, the default since torch
2.6, torch refuses such pickles. It then also refuses the checkpoints of mmengine, which hold logging histories and numpy
values. This module allows exactly these harmless classes; any other class raises an error that names the class. The config
text that mmengine would execute (`meta.config`) is removed from loaded checkpoints. The classes are on a list of this package's
own: `torch.load` and torch's list of safe classes stay as they are.
"""
import contextlib
import os
import pickle
import re
import tarfile
from pathlib import Path

import torch
from mmengine.utils import digit_version

from mmmux.utils.compat import archive_records, weights_unpickler
from mmmux.utils.errors import CheckpointError, in_a_line

from .bombs import check_archive
from .restricted_pickle import HARMLESS, REFUSED, RESTRICTED_PICKLE

_torch_load = torch.load  # kept, because a function that another package assigns to torch.load later may run code
# torch's own reader has been attacked more, but takes no further classes before 2.6.
_READER = weights_unpickler(HARMLESS) if digit_version(torch.__version__) >= digit_version('2.6.0') else RESTRICTED_PICKLE
_ONLY_WEIGHTS = 'TORCH_FORCE_WEIGHTS_ONLY_LOAD'


def load_checkpoint_file(path, map_location=None):
    """Read a checkpoint file that holds only dense tensors, plain values and mmengine's histories.

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
    try:
        with open(path, 'rb') if isinstance(path, (str, Path)) else contextlib.nullcontext(path) as file:
            check_archive(file)
        _refuse_programs(path)
        return _without_program(_torch_load(path, map_location=map_location, pickle_module=_READER, weights_only=False))
    except CheckpointError as error:
        raise CheckpointError(f'checkpoint {name} {error}') from None
    except pickle.UnpicklingError as error:
        raise CheckpointError(f'checkpoint {name} {_refusal(path, error)}') from None
    except Exception as error:  # a damaged pickle can make its reader raise anything
        reason = in_a_line(str(error).strip() or type(error).__name__)
        raise CheckpointError(f'checkpoint {name} cannot be read ({reason}): it is damaged or not a checkpoint') from None


def _refuse_programs(path) -> None:
    if os.environ.get(_ONLY_WEIGHTS, '').lower() in ('1', 'y', 'yes', 'true'):
        raise CheckpointError(f'was not read: the environment variable {_ONLY_WEIGHTS} keeps torch from reading with the safe '
                              'classes of mmmux; unset it, since mmmux runs no code from a checkpoint either')
    if tarfile.is_tarfile(path):  # torch would unpack it and read files that were not checked
        raise CheckpointError('is a tar file, the format of torch before 2017: load it with such a torch, and save its weights '
                              'again with torch.save')
    # torch.load runs the code of a TorchScript archive, which it recognises by this record. torch's own reader must say whether
    # the record is there: Python's finds another list of records in a file that has two.
    try:
        records = archive_records(str(path) if isinstance(path, (str, Path)) else path)
    except RuntimeError:  # no archive, but a file of the older format, which holds no program
        records = []
    finally:
        if not isinstance(path, (str, Path)):
            path.seek(0)
    if 'constants.pkl' in records:
        raise CheckpointError('is a TorchScript program, which could run code and was not run: give a file of weights (a '
                              'state_dict that torch.save wrote)')


def _without_program(checkpoint):
    # mmengine's Runner.resume executes meta.config, which old versions of mmengine saved, to learn the number of GPUs.
    # The methods of dict itself: a pickle can give an OrderedDict attributes that hide them.
    if isinstance(checkpoint, dict) and isinstance(meta := dict.get(checkpoint, 'meta'), dict):
        dict.pop(meta, 'config', None)
    return checkpoint


def _name(path) -> str:
    return str(path) if isinstance(path, (str, Path)) else getattr(path, 'name', 'from memory')


def _refusal(path, error: Exception) -> str:
    unknown = re.findall(r'GLOBAL ([\w.]+)', str(error))
    with contextlib.suppress(Exception):  # this function reads only zip files, but lists all classes that a file names
        listed = torch.serialization.get_unsafe_globals_in_checkpoint(path)
        unknown = [name for name in listed if name not in HARMLESS] or unknown
    if unknown:
        return REFUSED.format(in_a_line(', '.join(sorted(unknown))))
    reason = in_a_line(str(error).split('WeightsUnpickler error: ')[-1]) or type(error).__name__
    return f'cannot be read safely ({reason}): it is damaged or holds more than weights'


__all__ = ['load_checkpoint_file']
