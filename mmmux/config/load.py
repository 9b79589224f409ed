"""Load a config file and apply the command line options of a run to it."""
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import torch
from mmengine.config import Config, ConfigDict

from mmmux.utils.errors import ConfigError, in_a_line
from mmmux.utils.machine import cpu_has_bfloat16

from .hooks import add_hook
from .schedules import follow_length, training_length
from .suggestions import check_names, check_option
from .variables import check_variable

_WRAPPED = ('dataset', 'datasets')
# mmengine's TypeError for a dict that would be merged with a value that is none.
_DICT_OVER_VALUE = re.compile(r"because (\S+) is a dict in the child config but is of type <class '(\w+)'>")


def load_config(path: str | Path, options: Mapping | None = None, work_dir: str | Path | None = None,
                launcher: str = 'none') -> Config:
    """Read a config file, apply `--cfg-options`, and set the work directory and the launcher.

    Data loaders with `num_workers=0` lose `persistent_workers` and `prefetch_factor`, which torch refuses there. Schedules that
    end with the training follow an option that changes its length.

    Args:
        path (str | Path): Path of the config file.
        options (Mapping | None): Options of `--cfg-options`: dotted key -> value. Defaults to None.
        work_dir (str | Path | None): Folder for logs and results. Defaults to None, which means `work_dir` of the config, or
            else 'work_dirs/<name of the config file>'.
        launcher (str): Launcher of distributed training: 'none', 'pytorch', 'slurm' or 'mpi'. Defaults to 'none'.

    Returns:
        Config: The config of the run.

    Raises:
        ConfigError: The file cannot be read, a key of the config is misspelt, or an option does not fit the config or changes
            what nothing reads.
    """
    cfg = _read(path)
    _forget_own_scope(cfg)
    for key, value in (options or {}).items():
        check_option(key, cfg, options)
        check_variable(key, value, cfg)
    length = training_length(cfg)
    try:
        cfg.merge_from_dict(dict(options or {}))
    except (KeyError, TypeError, IndexError, AssertionError) as error:
        if replaced := _DICT_OVER_VALUE.search(str(error)):
            raise ConfigError(f'--cfg-options {in_a_line(str(dict(options)))} sets keys below {replaced[1]}, which is a '
                              f'{replaced[2]} in {path} and has no keys: give all of them in a config that inherits {path}, as '
                              f'{replaced[1]}=dict(_delete_=True, ...)') from None
        raise ConfigError(f'--cfg-options {in_a_line(str(dict(options)))} cannot be applied to {path} ({_first_line(error)}): '
                          'name keys and list indices of the config, with values of their types') from None
    follow_length(cfg, length, options or {})
    check_names(cfg)
    _load_without_workers(cfg)
    cfg.work_dir = str(work_dir or cfg.get('work_dir') or Path('work_dirs') / Path(path).stem)
    cfg.launcher = launcher
    if launcher != 'none' and not torch.cuda.is_available():
        _distribute_on_cpus(cfg)
    return cfg


def _read(path: str | Path) -> Config:
    try:
        return Config.fromfile(path)
    except FileNotFoundError as error:
        raise ConfigError(f'config {path} cannot be read ({_first_line(error)}): check its path, and the paths in its _base_') \
            from None
    except ImportError as error:
        raise ConfigError(f'config {path} imports a module, for example by custom_imports, that cannot be imported '
                          f'({_first_line(_innermost(error))}): install its package, or put its folder on PYTHONPATH') from None
    except Exception as error:  # a config is a Python program and can raise any exception
        if isinstance(error, TypeError) and (replaced := _DICT_OVER_VALUE.search(str(error))):
            raise ConfigError(f'config {path} sets {replaced[1]} to a dict, and a config that it inherits sets it to a '
                              f'{replaced[2]}, with which a dict cannot be merged: write {replaced[1]}=dict(_delete_=True, '
                              '...), which replaces the inherited value') from None
        raise ConfigError(f'config {path} is not a valid config file ({type(error).__name__}: {_first_line(error)}): correct '
                          'it') from None


def _forget_own_scope(node) -> None:
    """Remove `_scope_='mmmux'`, which mmengine sets in every dict of an inherited `mmmux::...` config, in place.

    With it, mmengine would look up every type in the registries of this package only. The configs of this package name the
    package of their types in `default_scope`.
    """
    if isinstance(node, (dict, Config)):
        if node.get('_scope_') == 'mmmux':
            node.pop('_scope_')
        node = node.values()
    if not isinstance(node, str) and isinstance(node, Iterable):
        for value in node:
            if isinstance(value, (dict, list, tuple)):
                _forget_own_scope(value)


def _load_without_workers(cfg: Config) -> None:
    """Remove the options of loading processes from data loaders that have none, in place; torch refuses them there."""
    for name in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        loader = cfg.get(name)
        if isinstance(loader, Mapping) and loader.get('num_workers') == 0:
            for option in ('persistent_workers', 'prefetch_factor'):
                loader.pop(option, None)


def _distribute_on_cpus(cfg: Config) -> None:
    cfg.merge_from_dict({'env_cfg.dist_cfg.backend': 'gloo'})
    # mmengine passes a GPU index to DistributedDataParallel, which refuses an index for a model on the CPU.
    wrapper = dict(type='MMDistributedDataParallel', broadcast_buffers=False, device_ids=None)
    cfg.merge_from_dict(dict(model_wrapper_cfg={**wrapper, **(cfg.get('model_wrapper_cfg') or {})}))
    _synchronize_on_cpus(cfg.get('model'))


def _synchronize_on_cpus(node) -> None:
    """Replace every 'SyncBN' in a model's config by 'mmmux.SyncBN', in place; torch's SyncBatchNorm works on GPUs only."""
    if isinstance(node, (list, tuple)):
        for value in node:
            _synchronize_on_cpus(value)
    if isinstance(node, dict):
        if node.get('type') == 'SyncBN':
            node['type'] = 'mmmux.SyncBN'
        _synchronize_on_cpus(list(node.values()))


def _innermost(error: ImportError) -> ImportError:
    """Python's own error, around which mmengine puts two: one lists the folders of sys.path, one leaves out the reason."""
    while isinstance(inner := error.__cause__ or error.__context__, ImportError):
        error = inner
    return error


def _first_line(error: Exception) -> str:
    return in_a_line(str(error)) or type(error).__name__


def train_in_mixed_precision(cfg: Config, number_type: str = 'fp16') -> None:
    """Set the config to train in mixed precision (`--amp`).

    Args:
        cfg (Config): The config of a run, changed in place.
        number_type (str): 'fp16', with a dynamic loss scale, on a GPU; or 'bf16', which needs no loss scale, on a GPU or CPU
            that computes in it. Defaults to 'fp16'.

    Raises:
        ConfigError: The machine cannot compute in this type.
    """
    gpu = torch.cuda.is_available()
    if number_type == 'bf16':
        if not (torch.cuda.is_bf16_supported() if gpu else cpu_has_bfloat16()):
            raise ConfigError(f'--amp bf16 needs a {"GPU" if gpu else "CPU"} that computes in bfloat16, and this one does not: '
                              f'leave it out to train in float32{", or give --amp fp16" if gpu else ""}')
        for key in ('loss_scale', 'dtype', 'use_fsdp'):  # of AmpOptimWrapper
            cfg.optim_wrapper.pop(key, None)
        cfg.optim_wrapper.type = 'mmmux.Bf16OptimWrapper'
        return
    if not gpu:
        raise ConfigError('--amp needs a GPU, and torch finds none: leave --amp out to train in float32, or give --amp bf16 '
                          'on a CPU that computes in bfloat16')
    cfg.optim_wrapper.type = 'AmpOptimWrapper'
    cfg.optim_wrapper.loss_scale = 'dynamic'


def scale_learning_rate(cfg: Config) -> None:
    """Set the config to scale the learning rate by real batch size / `auto_scale_lr.base_batch_size` (`--auto-scale-lr`).

    Args:
        cfg (Config): The config of a run, changed in place.

    Raises:
        ConfigError: The config has no `auto_scale_lr.base_batch_size`.
    """
    if 'base_batch_size' not in cfg.get('auto_scale_lr', {}):
        raise ConfigError('--auto-scale-lr needs auto_scale_lr.base_batch_size in the config: the batch size that its '
                          'learning rate was set for')
    cfg.auto_scale_lr.enable = True


def resume(cfg: Config, checkpoint: str, new_schedule: bool = False) -> None:
    """Set the config to resume a training (`--resume`).

    Args:
        cfg (Config): The config of a run, changed in place.
        checkpoint (str): Path of the checkpoint, or 'auto' for the latest checkpoint in the work directory.
        new_schedule (bool): Use the learning rate and the schedule of the config in place of the checkpoint's
            (`--new-schedule`). Defaults to False.
    """
    cfg.resume = True
    cfg.load_from = None if checkpoint == 'auto' else checkpoint
    if new_schedule:
        add_hook(cfg, dict(type='mmmux.ResumedScheduleHook', new_schedule=True))


def enable_tta(cfg: Config) -> None:
    """Set the config to test with augmentation: merge the predictions of several views of each image (`--tta`).

    Args:
        cfg (Config): The config of a run, changed in place.

    Raises:
        ConfigError: The config lacks `tta_model` or `tta_pipeline`, or tests several data sets.
    """
    for key in ('tta_model', 'tta_pipeline'):
        if key not in cfg:
            raise ConfigError(f'--tta needs {key}, which the config does not have: inherit or copy it from a runtime file of '
                              'configs/_base_')
    if 'datasets' in cfg.test_dataloader.dataset:
        raise ConfigError('--tta tests one data set at a time, and test_dataloader.dataset has several: set one there')
    innermost_dataset(cfg.test_dataloader).pipeline = cfg.tta_pipeline
    cfg.model = ConfigDict(**cfg.tta_model, module=cfg.model)


def innermost_dataset(dataloader: ConfigDict) -> ConfigDict:
    """Return the config of the data set inside wrappers such as RepeatDataset.

    Args:
        dataloader (ConfigDict): The config of a data loader.

    Returns:
        ConfigDict: The config of the innermost data set; the first one of a ConcatDataset.
    """
    dataset = dataloader.dataset
    while 'dataset' in dataset or 'datasets' in dataset:
        dataset = dataset.dataset if 'dataset' in dataset else dataset.datasets[0]
    return dataset


def inner_datasets(node: Mapping, key: str) -> Iterator[tuple[str, Mapping]]:
    """Yield the config key and the config of every data set inside a data loader and its wrappers such as ConcatDataset.

    Args:
        node (Mapping): The config of a data loader or wrapper.
        key (str): The config key of `node`, e.g. 'train_dataloader'.

    Yields:
        tuple[str, Mapping]: Key, e.g. 'train_dataloader.dataset', and config of a data set.
    """
    for name in _WRAPPED:
        inner = node.get(name)
        for index, child in enumerate(inner if isinstance(inner, (list, tuple)) else [inner]):
            if isinstance(child, Mapping):
                child_key = f'{key}.{name}' + (f'.{index}' if isinstance(inner, (list, tuple)) else '')
                if 'type' in child and not any(wrapped in child for wrapped in _WRAPPED):
                    yield child_key, child
                yield from inner_datasets(child, child_key)
