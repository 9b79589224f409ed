"""Loading checkpoints without running code from them, on torch 2.1 and later.

A checkpoint is a pickle, and a pickle can name any function and call it. torch refuses that with `weights_only=True`, the
default from 2.6 on, but then it also refuses mmengine's own checkpoints, which hold logging histories and numpy values. Here
exactly those harmless classes are let through, and everything else is refused with a sentence that names it. Programs in
a checkpoint's texts are not handed on.
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

# What mmengine's Runner.save_checkpoint writes beside tensors and plain Python values. numpy moved its internals from
# numpy.core to numpy._core in 2.0; files written by either must load under either.
_multiarray = importlib.import_module('numpy.core' if numpy.__version__.startswith('1.') else 'numpy._core').multiarray
_NUMPY_VALUES = {
    f'{package}.multiarray.{name}': getattr(_multiarray, name)
    for package in ('numpy.core', 'numpy._core')
    for name in ('_reconstruct', 'scalar')
}


def _history_statistic(owner, name: str):
    # A HistoryBuffer stores its own methods, which pickle writes as getattr(HistoryBuffer, 'mean'); getattr itself, which
    # reaches anything, is never let through.
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
    """Read a checkpoint file, letting through tensors, plain values and the classes of `HARMLESS` only.

    Args:
        path: a file name or a file opened for binary reading.
        map_location: where tensors go, as in :func:`torch.load`.

    Raises:
        CheckpointError: the file does not exist, is damaged, is made to take more memory or time than its size says, or asks
            for anything else; nothing of it has been run.
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
    except Exception as error:  # a damaged pickle can make its reader raise anything
        reason = in_a_line(str(error).strip() or type(error).__name__)
        raise CheckpointError(f'checkpoint {name} cannot be read ({reason}): it is damaged or not a checkpoint') from None


def _without_program(checkpoint):
    # mmengine's `resume` runs meta.config, a config as old versions of it saved them, to learn how many GPUs there were.
    if isinstance(checkpoint, dict) and isinstance(checkpoint.get('meta'), dict):
        checkpoint['meta'].pop('config', None)
    return checkpoint


@contextlib.contextmanager
def _allowed(classes: dict):
    # And nothing else: onedl-mmengine lets getattr through wherever it loads, and getattr reaches anything.
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
    with contextlib.suppress(Exception):  # it reads zip files only, but lists all that a file asks for
        listed = torch.serialization.get_unsafe_globals_in_checkpoint(path)
        unknown = [name for name in listed if name not in HARMLESS] or unknown
    if unknown:
        return _REFUSED.format(in_a_line(', '.join(sorted(unknown))))
    reason = in_a_line(str(error).split('WeightsUnpickler error: ')[-1]) or type(error).__name__
    return f'cannot be read safely ({reason}): it is damaged or holds more than weights'


def _latin1_bytes(text: str, encoding: str) -> bytes:
    # How protocol 2 writes bytes, which numpy's scalars hold.
    if encoding != 'latin1':
        raise CheckpointError(_REFUSED.format(in_a_line(f"_codecs.encode(..., '{encoding}')")))
    return text.encode('latin1')


# Before torch 2.6 no class can be added to those of weights_only=True, so the pickle module itself is narrowed to torch's list
# and ours. The earliest of those versions lack the plain classes, devices and most dtypes.
_ALLOWED = {
    **{f'{cls.__module__}.{cls.__name__}': cls for cls in (set, complex, bytearray, collections.Counter, torch.device)},
    **{str(value): value for value in vars(torch).values() if isinstance(value, torch.dtype)},
    **_weights_only_unpickler._get_allowed_globals(),
    **HARMLESS,
    '_codecs.encode': _latin1_bytes,
}


class _RestrictedUnpickler(pickle.Unpickler):

    def find_class(self, module: str, name: str):
        full_name = f"{'builtins' if module == '__builtin__' else module}.{name}"  # Python 2's name, in old pickle protocols
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
    """Have every way mmengine finds a checkpoint (file, URL, model zoo) read it with :func:`load_checkpoint_file`.

    This serves `test`, `resume`, `load_from` and `init_cfg=dict(type='Pretrained')` of every OpenMMLab package in this
    process. Calling it again changes nothing.
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
        # mmengine's loaders take no loading function, and some pass weights_only=False: torch.load is replaced around them.
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
