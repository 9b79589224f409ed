"""Access private and undocumented names of the libraries that mmmux uses, each behind a public name.

A library can rename or remove such a name in any version. The comment or docstring of each entry states the name, the versions
in which it was seen, and why no public name replaces it. If an update of a library removes a name, a test in
`tests/utils/test_compat.py` fails and prints the name.
"""
import os
import pickle
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec, module_from_spec
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any, BinaryIO

import numpy
import torch
from torch import Tensor, nn

# Python

# `pickle._Unpickler` with its `dispatch`, `stack`, `metastack` and `load_<instruction>`, Python 3.10 to 3.13: the unpickler in
# Python. `pickle.Unpickler` is written in C, and a subclass of it cannot check each instruction of a pickle.
PythonUnpickler = pickle._Unpickler


def call_at_process_end(function: Callable[[], None]) -> None:
    """Call a function when this process ends, also in a process of multiprocessing.

    Uses `multiprocessing.util.Finalize`, Python 3.10 to 3.13. A process of multiprocessing does not call the functions that
    `atexit` has registered.

    Args:
        function (Callable[[], None]): The function.
    """
    from multiprocessing.util import Finalize
    Finalize(None, function, exitpriority=0)


# torch

# `torch.nn.modules.batchnorm._BatchNorm`, torch 2.1 to 2.14: the base class of every batch normalisation. The public classes
# (BatchNorm1d to 3d, SyncBatchNorm) are not bases of the class that mmengine's `revert_sync_batchnorm` makes.
BatchNorm = nn.modules.batchnorm._BatchNorm

# `_metadata`, torch 2.1 to 2.14: the attribute that `nn.Module.state_dict` sets on its OrderedDict and that checkpoints hold.
STATE_DICT_ATTRIBUTES = frozenset({'_metadata'})


class AcceptsAnyRank:
    """Mixin for a subclass of :data:`BatchNorm`: its `forward` accepts (N, C, ...) of any rank.

    Overrides `_BatchNorm._check_input_dim`, torch 2.1 to 2.14. `_BatchNorm.forward` calls this method, which only the public
    subclasses implement, each for its own ranks.
    """

    def _check_input_dim(self, x: Tensor) -> None:
        """Accept a tensor of any rank."""


def allowed_globals() -> dict[str, object]:
    """Return the classes and functions that torch calls for a checkpoint with `weights_only=True`, by full name.

    Uses `torch._weights_only_unpickler._get_allowed_globals`, torch 2.1 to 2.14. The public
    `torch.serialization.get_safe_globals`, since torch 2.5, returns only the additions of users.
    """
    from torch import _weights_only_unpickler
    return _weights_only_unpickler._get_allowed_globals()


def weights_unpickler(classes: Mapping[str, Any]) -> ModuleType:
    """Return a second instance of torch's module that reads checkpoints with `weights_only=True`, with safe classes of its own.

    Uses `torch._weights_only_unpickler` with `_add_safe_globals` and `_get_allowed_globals`, torch 2.6 to 2.14. The public
    `torch.serialization.add_safe_globals` changes the list of the whole process.

    Args:
        classes (Mapping[str, Any]): Classes and functions to allow, by the full name that a checkpoint gives them. Those of
            sparse tensors are taken off torch's own list: torch compares their indices with their shape in its own reader only.
    """
    specification = find_spec('torch._weights_only_unpickler')
    module = module_from_spec(specification)
    specification.loader.exec_module(module)
    module._add_safe_globals([(value, name) for name, value in classes.items()])
    allowed = module._get_allowed_globals()  # torch caches this dict
    for name in [name for name in allowed if 'sparse' in name]:
        del allowed[name]
    return module


def archive_records(file: str | BinaryIO) -> list[str]:
    """Return the names of the records that torch finds in an archive.

    Uses `torch._C.PyTorchFileReader.get_all_records`, torch 2.1 to 2.14. `torch.load` reads with this class, and `zipfile` can
    find another list of records in the same file.

    Args:
        file (str | BinaryIO): Path of the archive, or a file opened for reading; its position changes.

    Raises:
        RuntimeError: The file is not an archive.
    """
    return torch._C.PyTorchFileReader(file).get_all_records()


def kept_iterator(loader):
    """Return the iterator that a data loader with persistent processes, or the endless iterator of a loop, keeps; else None.

    Uses `torch.utils.data.DataLoader._iterator`, torch 2.1 to 2.14, and `_iterator` of mmengine's
    `_InfiniteDataloaderIterator`, mmengine 0.10.7 and onedl-mmengine 0.10.12. `iter(loader)` would start a new pass.

    Args:
        loader: The data loader or endless iterator; any other object gives None.
    """
    return getattr(loader, '_iterator', None)


def end_workers(iterator) -> None:
    """End the processes of an iterator of a data loader, if it has any.

    Uses `torch.utils.data.dataloader._MultiProcessingDataLoaderIter._shutdown_workers`, torch 2.1 to 2.14. Without it, the
    processes end when the garbage collector finds the iterator.

    Args:
        iterator: The iterator; an object without processes, or None, has no effect.
    """
    shut_down = getattr(iterator, '_shutdown_workers', None)
    if shut_down is not None:
        shut_down()


# mmengine. All entries were seen in mmengine 0.10.7 and onedl-mmengine 0.10.12.

# The private attributes of an `mmengine.logging.HistoryBuffer` that checkpoints hold, with their types. The public property
# `data` returns their values without their names.
HISTORY_ATTRIBUTES = MappingProxyType({'_log_history': numpy.ndarray, '_count_history': numpy.ndarray})


class WritesSteps:
    """Mixin for a subclass of mmengine's CheckpointHook: replaces the method that writes a regular checkpoint.

    Overrides `CheckpointHook._save_checkpoint_with_step`. The public methods of the hook decide when to write and with which
    counters; this method alone also deletes the oldest checkpoint, before it writes the new one.
    """

    def save_step(self, runner, step: int, meta: dict) -> None:
        """Write a regular checkpoint and delete the outdated ones.

        Args:
            runner (Runner): The runner of the training.
            step (int): Number of finished epochs, or iterations with `by_epoch=False`.
            meta (dict): `epoch` and `iter` of the checkpoint.
        """
        raise NotImplementedError

    def _save_checkpoint_with_step(self, runner, step: int, meta: dict) -> None:
        self.save_step(runner, step, meta)


def checkpoint_schemes() -> dict[str, Callable]:
    """Return the loader of each prefix that mmengine's CheckpointLoader knows, as a copy.

    Uses `CheckpointLoader._schemes`. The public `register_scheme` only adds loaders.
    """
    from mmengine.runner import CheckpointLoader
    return dict(CheckpointLoader._schemes)


def mmengine_home() -> Path:
    """Return the folder in which mmengine looks for `open_mmlab.json` and its models.

    Uses the constants `ENV_MMENGINE_HOME`, `ENV_XDG_CACHE_HOME` and `DEFAULT_CACHE_DIR` of `mmengine.runner.checkpoint`. No
    public function returns the folder.
    """
    from mmengine.runner import checkpoint
    cache = os.getenv(checkpoint.ENV_XDG_CACHE_HOME, checkpoint.DEFAULT_CACHE_DIR)
    return Path(os.getenv(checkpoint.ENV_MMENGINE_HOME, os.path.join(cache, 'mmengine'))).expanduser()


def config_packages() -> dict[str, str]:
    """Return mmengine's table of the packages whose configs can be inherited: module -> distribution. Changes take effect.

    Uses `mmengine.config.utils.MODULE2PACKAGE`. No public function adds a package.
    """
    from mmengine.config.utils import MODULE2PACKAGE
    return MODULE2PACKAGE


def built_loops(runner) -> list:
    """Return the loops of a runner that were built; for the others their configs or None.

    Uses `Runner._train_loop`, `_val_loop` and `_test_loop`. The public properties would build the loops.

    Args:
        runner (Runner): The runner.
    """
    return [getattr(runner, name, None) for name in ('_train_loop', '_val_loop', '_test_loop')]


def update_val_interval(loop) -> None:
    """Set `val_interval` of a training loop to the interval that `dynamic_intervals` gives for its current epoch or iteration.

    Uses `EpochBasedTrainLoop._decide_current_val_interval` and the same method of IterBasedTrainLoop. No public method does
    so.

    Args:
        loop (EpochBasedTrainLoop | IterBasedTrainLoop): The loop.
    """
    loop._decide_current_val_interval()


def accumulated_iterations(optim_wrapper) -> int:
    """Return the number of iterations over which an optimiser wrapper accumulates gradients; 1 without accumulation.

    Uses `OptimWrapper._accumulative_counts`. The public `should_update` covers the current iteration only.

    Args:
        optim_wrapper (OptimWrapper | OptimWrapperDict): The wrapper; an OptimWrapperDict, which has no number of its own,
            gives 1.
    """
    return getattr(optim_wrapper, '_accumulative_counts', 1)


def set_classes(dataset, classes: Sequence[str]) -> None:
    """Set the names of the classes of a data set that has found them itself.

    Uses `BaseDataset._metainfo`. The public `metainfo` returns a copy.

    Args:
        dataset (BaseDataset): The data set.
        classes (Sequence[str]): The names.
    """
    dataset._metainfo['classes'] = tuple(classes)


def swaps_channels(preprocessor) -> bool:
    """Return True if a data preprocessor swaps the first and third channel of images.

    Uses `ImgDataPreprocessor._channel_conversion`, which has no public counterpart. mmseg 1.2.2 names the attribute
    `channel_conversion`, and mmpretrain 1.2 and onedl-mmpretrain 1.3 `to_rgb`.

    Args:
        preprocessor (nn.Module): The data preprocessor of a model.
    """
    return any(getattr(preprocessor, name, False) for name in ('_channel_conversion', 'channel_conversion', 'to_rgb'))
