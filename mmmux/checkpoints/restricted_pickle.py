"""A pickle reader that makes tensors, plain values and mmengine's histories, and calls nothing else.

torch before 2.6 cannot add classes to those that `weights_only=True` allows. There, :func:`torch.load` reads with this module.
"""
import collections
import pickle
from types import SimpleNamespace

import numpy
import torch
from mmengine.logging import HistoryBuffer

from mmmux.utils.compat import HISTORY_ATTRIBUTES, STATE_DICT_ATTRIBUTES, PythonUnpickler, allowed_globals
from mmmux.utils.errors import CheckpointError, in_a_line

REFUSED = ('asks for {}, which could run code and was not run: only dense tensors, plain values and mmengine histories are '
            'loaded; if you trust its author, have the weights saved again as a plain state_dict')
# Instructions that call an object on the stack, or give the number of a storage in another way. torch.save writes none of them.
_NEVER_WRITTEN = (pickle.PERSID, pickle.INST, pickle.OBJ, pickle.NEWOBJ_EX, pickle.EXT1, pickle.EXT2, pickle.EXT4)


def _history_statistic(owner, name: str):
    # A HistoryBuffer stores its own methods, which pickle writes as getattr(HistoryBuffer, 'mean'); getattr itself, which
    # reaches every attribute of every object, is never allowed.
    if owner is not HistoryBuffer or name not in ('min', 'max', 'current', 'mean'):
        raise CheckpointError(REFUSED.format(in_a_line(f"builtins.getattr(..., '{name}')")))
    return getattr(owner, name)


def _latin1_bytes(text: str, encoding: str) -> bytes:
    # How protocol 2 writes bytes, which numpy's scalars hold.
    if encoding != 'latin1':
        raise CheckpointError(REFUSED.format(in_a_line(f"_codecs.encode(..., '{encoding}')")))
    return text.encode('latin1')


# Classes that mmengine's Runner.save_checkpoint writes besides tensors and plain Python values. numpy moved its internals from
# numpy.core to numpy._core in 2.0; files written by either must load under either. An array and a number return the functions
# that rebuild them, `_reconstruct` and `scalar`.
_REBUILDS = [value.__reduce__()[0] for value in (numpy.empty(0), numpy.float64())]
HARMLESS = {
    'builtins.getattr': _history_statistic,
    'mmengine.logging.history_buffer.HistoryBuffer': HistoryBuffer,
    'numpy.ndarray': numpy.ndarray,
    'numpy.dtype': numpy.dtype,
    **{
        f'{package}.multiarray.{function.__name__}': function
        for package in ('numpy.core', 'numpy._core')
        for function in _REBUILDS
    },
    **{
        f'numpy.dtypes.{type(numpy.dtype(code)).__name__}': type(numpy.dtype(code))
        for code in '?bBhHiIlLqQefd'
    },
}
_ALLOWED = {
    # The earliest versions of torch's list lack the plain classes, devices and most dtypes.
    **{f'{cls.__module__}.{cls.__name__}': cls for cls in (set, complex, bytearray, collections.Counter, torch.device)},
    **{str(value): value for value in vars(torch).values() if isinstance(value, torch.dtype)},
    # Sparse tensors are left out: their indices reach outside their memory unless all are compared with the shape. So is the
    # function that rebuilds tensors with attributes: it calls and changes its arguments without a check.
    **{name: value for name, value in allowed_globals().items()
       if 'sparse' not in name and not name.endswith('._rebuild_from_type_v2')},
    **HARMLESS,
    '_codecs.encode': _latin1_bytes,
}
# Arrays are made by _reconstruct and filled by their state: called, the class would allocate any size.
_CALLED = {id(value) for value in _ALLOWED.values()} - {id(numpy.ndarray)}
_CONTAINERS = (list, dict, set, collections.OrderedDict, collections.Counter)
_OF_A_HISTORY = {'max_length': int, '_max_length': int, **HISTORY_ATTRIBUTES}


def _is_plain(instance, state) -> bool:
    """Return whether a state gives an object nothing but the data that torch.save writes for objects of its type."""
    if isinstance(instance, numpy.dtype):  # a number: no fields, no objects
        return isinstance(state, tuple) and state[2:] == (None, None, None, -1, -1, 0) and not instance.hasobject
    if type(instance) is collections.OrderedDict:  # attributes would hide its methods
        return isinstance(state, dict) and set(state) <= STATE_DICT_ATTRIBUTES
    if type(instance) is HistoryBuffer:
        return isinstance(state, dict) and set(state) <= {*_OF_A_HISTORY, 'statistics_methods'} and all(
            isinstance(state[name], kind) for name, kind in _OF_A_HISTORY.items() if name in state)
    return True


class RestrictedUnpickler(PythonUnpickler):
    """Unpickle by torch's rules for `weights_only=True`: call, create and fill objects of the listed classes only.

    Raises:
        CheckpointError: The pickle needs any other object. The message has the form 'asks for posix.system, which ...'.
    """
    # The unpickler in C is faster, but cannot be made to check the functions that it calls.
    dispatch = dict(PythonUnpickler.dispatch)

    def find_class(self, module: str, name: str):
        """Return the allowed class or function of a name.

        Args:
            module (str): Name of the module in the pickle.
            name (str): Name of the class or function in the module.

        Raises:
            CheckpointError: The class or function is not allowed.
        """
        full_name = f"{'builtins' if module == '__builtin__' else module}.{name}"  # Python 2's name, in old pickle protocols
        if full_name not in _ALLOWED:
            raise CheckpointError(REFUSED.format(in_a_line(full_name)))
        return _ALLOWED[full_name]

    def _call(self) -> None:
        self._check(self.stack[-2], self.stack[-2])
        self.load_reduce()

    def _create(self) -> None:
        self._check(self.stack[-2], self.stack[-2])
        self.load_newobj()

    def _set_state(self) -> None:
        # A state can set any attribute, and can make numpy take numbers for addresses in memory.
        instance, state = self.stack[-2:]
        shown = 'a change of ' + type(instance).__name__
        if type(instance) is not numpy.ndarray:
            self._check(type(instance), shown)
        if not _is_plain(instance, state):
            raise CheckpointError(REFUSED.format(in_a_line(shown)))
        if isinstance(instance, HistoryBuffer):
            state.pop('statistics_methods', None)  # all histories of the process share them
        self.load_build()

    def _append(self) -> None:
        self._check_container(self.stack[-2])
        self.load_append()

    def _append_all(self) -> None:
        self._check_container(self.metastack[-1][-1])  # the elements are above a mark
        self.load_appends()

    def _set_item(self) -> None:
        self._check_container(self.stack[-3])
        self.load_setitem()

    def _set_items(self) -> None:
        self._check_container(self.metastack[-1][-1])
        self.load_setitems()

    def _add_all(self) -> None:
        self._check_container(self.metastack[-1][-1])
        self.load_additems()

    def _get_storage(self) -> None:
        name = self.stack[-1]
        if not isinstance(name, tuple) or name[:1] not in (('storage', ), (b'storage', )):
            raise CheckpointError(REFUSED.format(in_a_line(f'the persistent object {name!r}')))
        self.load_binpersid()

    def _refuse(self) -> None:
        raise CheckpointError(REFUSED.format('a pickle instruction that torch.save never writes'))

    @staticmethod
    def _check_container(container) -> None:
        # An array would read from an address in memory that the pickle gives.
        if type(container) not in _CONTAINERS:
            raise CheckpointError(REFUSED.format(in_a_line('a change of ' + type(container).__name__)))

    @staticmethod
    def _check(value, shown) -> None:
        if id(value) not in _CALLED:
            raise CheckpointError(REFUSED.format(in_a_line(str(shown))))

    dispatch.update({pickle.REDUCE[0]: _call, pickle.NEWOBJ[0]: _create, pickle.BUILD[0]: _set_state,
                     pickle.BINPERSID[0]: _get_storage, pickle.APPEND[0]: _append,
                     pickle.APPENDS[0]: _append_all, pickle.SETITEM[0]: _set_item, pickle.SETITEMS[0]: _set_items,
                     pickle.ADDITEMS[0]: _add_all, **dict.fromkeys((code[0] for code in _NEVER_WRITTEN), _refuse)})


RESTRICTED_PICKLE = SimpleNamespace(
    __name__='restricted_pickle',
    Unpickler=RestrictedUnpickler,
    load=lambda file, **options: RestrictedUnpickler(file, **options).load(),
    UnpicklingError=pickle.UnpicklingError,
)

__all__ = ['HARMLESS', 'REFUSED', 'RESTRICTED_PICKLE', 'RestrictedUnpickler']
