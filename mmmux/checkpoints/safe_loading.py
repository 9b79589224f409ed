"""Load checkpoints without running code from them, on torch 2.1 and later.

A checkpoint is a pickle, and a pickle can name any function and call it. With `weights_only=True`, the default since torch
2.6, torch refuses such pickles. It then also refuses the checkpoints of mmengine, which hold logging histories and numpy
values. This module allows exactly these harmless classes; any other class raises an error that names the class. The config
text that mmengine would execute (`meta.config`) is removed from loaded checkpoints.
"""
import collections
import contextlib
import functools
import importlib
import pickle
import re
from pathlib import Path
from types import SimpleNamespace

import numpy
import torch
from mmengine.logging.history_buffer import HistoryBuffer
from mmengine.runner import checkpoint as mmengine_checkpoint
from mmengine.utils import digit_version
from torch import _weights_only_unpickler

from mmmux.utils.errors import CheckpointError, in_a_line

from .bombs import check_archive

_torch_load = torch.load
_TORCH_HAS_ALLOW_LIST = digit_version(torch.__version__) >= digit_version('2.6.0')

# Classes in the files of mmengine's Runner.save_checkpoint, besides tensors and plain Python values. numpy 2.0 renamed
# numpy.core to numpy._core; files written with either numpy must load with the other.
_multiarray = importlib.import_module('numpy.core' if numpy.__version__.startswith('1.') else 'numpy._core').multiarray
_NUMPY_VALUES = {
    f'{package}.multiarray.{name}': getattr(_multiarray, name)
    for package in ('numpy.core', 'numpy._core')
    for name in ('_reconstruct', 'scalar')
}


def _history_statistic(owner, name: str):
    # A HistoryBuffer stores its own methods, which pickle writes as getattr(HistoryBuffer, 'mean'). Python's getattr is never
    # allowed, because it reaches every attribute of every object.
    if owner is not HistoryBuffer or name not in ('min', 'max', 'current', 'mean'):
        raise CheckpointError(_REFUSED.format(in_a_line(f"builtins.getattr(..., '{name}')")))
    return getattr(owner, name)


_REFUSED = ('asks for {}, which could run code and was not run: only tensors, plain values and mmengine histories are '
            'loaded; if you trust its author, have the weights saved again as a plain state_dict')
HARMLESS = {
    'builtins.getattr': _history_statistic,
    'mmengine.logging.history_buffer.HistoryBuffer': HistoryBuffer,
    'numpy.ndarray': numpy.ndarray,
    'numpy.dtype': numpy.dtype,
    **_NUMPY_VALUES,
    **{
        f'numpy.dtypes.{type(numpy.dtype(code)).__name__}': type(numpy.dtype(code))
        for code in '?bBhHiIlLqQefd'
    },
}


def load_checkpoint_file(path, map_location=None):
    """Load a checkpoint file that holds only tensors, plain values and the classes of `HARMLESS`.

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
        if _TORCH_HAS_ALLOW_LIST:
            with _allowed(HARMLESS):
                return _without_program(_torch_load(path, map_location=map_location, weights_only=True))
        return _without_program(_torch_load(path, map_location=map_location, pickle_module=RESTRICTED_PICKLE,
                                            weights_only=False))
    except CheckpointError as error:
        raise CheckpointError(f'checkpoint {name} {error}') from None
    except pickle.UnpicklingError as error:
        raise CheckpointError(f'checkpoint {name} {_refusal(path, error)}') from None
    except Exception as error:  # the unpickler raises exceptions of any type on a damaged pickle
        reason = in_a_line(str(error).strip() or type(error).__name__)
        raise CheckpointError(f'checkpoint {name} cannot be read ({reason}): it is damaged or not a checkpoint') from None


def _without_program(checkpoint):
    # mmengine's Runner.resume executes meta.config, which old versions of mmengine saved, to learn the number of GPUs.
    if isinstance(checkpoint, dict) and isinstance(checkpoint.get('meta'), dict):
        checkpoint['meta'].pop('config', None)
    return checkpoint


@contextlib.contextmanager
def _allowed(classes: dict):
    # Clear the list first: onedl-mmengine adds getattr to the list of safe globals, and getattr reaches every attribute.
    others = torch.serialization.get_safe_globals()
    torch.serialization.clear_safe_globals()
    try:
        with torch.serialization.safe_globals([(cls, name) for name, cls in classes.items()]):
            yield
    finally:
        torch.serialization.add_safe_globals(others)


def _name(path) -> str:
    return str(path) if isinstance(path, (str, Path)) else getattr(path, 'name', 'from memory')


def _refusal(path, error: Exception) -> str:
    unknown = re.findall(r'GLOBAL ([\w.]+)', str(error))
    with contextlib.suppress(Exception):  # this function reads only zip files, but lists all classes that a file names
        listed = torch.serialization.get_unsafe_globals_in_checkpoint(path)
        unknown = [name for name in listed if name not in HARMLESS] or unknown
    if unknown:
        return _REFUSED.format(in_a_line(', '.join(sorted(unknown))))
    reason = in_a_line(str(error).split('WeightsUnpickler error: ')[-1]) or type(error).__name__
    return f'cannot be read safely ({reason}): it is damaged or holds more than weights'


def _latin1_bytes(text: str, encoding: str) -> bytes:
    # Pickle protocol 2 writes bytes, which numpy scalars hold, as a call of _codecs.encode(text, 'latin1').
    if encoding != 'latin1':
        raise CheckpointError(_REFUSED.format(in_a_line(f"_codecs.encode(..., '{encoding}')")))
    return text.encode('latin1')


# Before torch 2.6, no class can be added to those that weights_only=True allows. These versions therefore load with a
# restricted pickle module that allows torch's list and the classes here. The list of the earliest versions lacks the plain
# classes, devices and most dtypes.
_ALLOWED = {
    **{f'{cls.__module__}.{cls.__name__}': cls for cls in (set, complex, bytearray, collections.Counter, torch.device)},
    **{str(value): value for value in vars(torch).values() if isinstance(value, torch.dtype)},
    **_weights_only_unpickler._get_allowed_globals(),
    **HARMLESS,
    '_codecs.encode': _latin1_bytes,
}


class _RestrictedUnpickler(pickle.Unpickler):

    def find_class(self, module: str, name: str):
        full_name = f"{'builtins' if module == '__builtin__' else module}.{name}"  # old pickle protocols use Python 2's name
        if full_name not in _ALLOWED:
            raise CheckpointError(_REFUSED.format(in_a_line(full_name)))
        return _ALLOWED[full_name]


RESTRICTED_PICKLE = SimpleNamespace(
    __name__='restricted_pickle',
    Unpickler=_RestrictedUnpickler,
    load=lambda file, **options: _RestrictedUnpickler(file, **options).load(),
    UnpicklingError=pickle.UnpicklingError,
)


def make_mmengine_load_safely() -> None:
    """Replace mmengine's checkpoint loaders (file, URL, model zoo) by ones that use :func:`load_checkpoint_file`.

    The replacement applies to this process and affects testing, `resume`, `load_from` and `init_cfg=dict(type='Pretrained')` of
    every OpenMMLab package. A second call has no effect.
    """
    schemes = {
        ('', ): mmengine_checkpoint.load_from_local,
        ('http://', 'https://'): mmengine_checkpoint.load_from_http,
        ('modelzoo://', 'torchvision://'): mmengine_checkpoint.load_from_torchvision,
        ('open-mmlab://', 'openmmlab://'): mmengine_checkpoint.load_from_openmmlab,
        ('mmcls://', ): mmengine_checkpoint.load_from_mmcls,
        ('pavi://', ): mmengine_checkpoint.load_from_pavi,
        (r'(\S+\:)?s3://', r'(\S+\:)?petrel://'): mmengine_checkpoint.load_from_ceph,
    }
    for prefixes, loader in schemes.items():
        mmengine_checkpoint.CheckpointLoader.register_scheme(prefixes, _with_safe_torch_load(loader), force=True)


def _with_safe_torch_load(loader):

    @functools.wraps(loader)
    def load(filename, map_location=None):
        # mmengine's loaders accept no load function, and some pass weights_only=False: replace torch.load during the call.
        replaced = torch.load
        torch.load = lambda file, map_location=None, **_: load_checkpoint_file(file, map_location)
        try:
            return loader(filename, map_location)
        except FileNotFoundError:
            raise CheckpointError(f'checkpoint {filename} does not exist') from None
        finally:
            torch.load = replaced

    return load


__all__ = ['HARMLESS', 'RESTRICTED_PICKLE', 'load_checkpoint_file', 'make_mmengine_load_safely']
