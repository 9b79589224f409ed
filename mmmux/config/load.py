"""From a config file and command line options to the config of a run."""
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import torch
from mmengine.config import Config, ConfigDict

from mmmux.utils.errors import ConfigError, in_a_line

from .suggestions import check_names, check_option

_WRAPPED = ('dataset', 'datasets')


def load_config(path: str | Path, options: Mapping | None = None, work_dir: str | Path | None = None,
                launcher: str = 'none') -> Config:
    """Read a config, apply `--cfg-options`, and decide where results go.

    Raises:
        ConfigError: the file cannot be read, or misspells a key, or an option's key is not one of the config's.
    """
    try:
        cfg = Config.fromfile(path)
    except FileNotFoundError as error:
        raise ConfigError(f'config {path} cannot be read: {_first_line(error)}') from None
    except ImportError as error:
        raise ConfigError(f'config {path} imports a module, for example by custom_imports, that cannot be imported '
                          f'({_first_line(_innermost(error))}): install its package, or put its folder on PYTHONPATH') from None
    except Exception as error:  # a config is a program: anything can go wrong in it
        raise ConfigError(f'config {path} is not a config: {type(error).__name__}: {_first_line(error)}') from None
    _forget_own_scope(cfg._cfg_dict)
    for key in options or {}:
        check_option(key, cfg)
    try:
        cfg.merge_from_dict(dict(options or {}))
    except (KeyError, TypeError, IndexError, AssertionError) as error:
        raise ConfigError(f'--cfg-options {in_a_line(str(dict(options)))} do not fit {path}: {_first_line(error)}') from None
    check_names(cfg)
    cfg.work_dir = str(work_dir or cfg.get('work_dir') or Path('work_dirs') / Path(path).stem)
    cfg.launcher = launcher
    if launcher != 'none' and not torch.cuda.is_available():
        cfg.merge_from_dict({'env_cfg.dist_cfg.backend': 'gloo'})
        # mmengine gives DistributedDataParallel the number of a GPU, which it refuses for a model on the CPU.
        wrapper = dict(type='MMDistributedDataParallel', broadcast_buffers=False, device_ids=None)
        cfg.merge_from_dict(dict(model_wrapper_cfg={**wrapper, **(cfg.get('model_wrapper_cfg') or {})}))
        _synchronize_on_cpus(cfg.get('model'))
    return cfg


def _forget_own_scope(node) -> None:
    """Undo that mmengine has every type of an inherited `mmmux::...` config looked for in this package alone.

    Such a config names the package that runs it in `default_scope`, as the files here do.
    """
    if isinstance(node, dict):
        if node.get('_scope_') == 'mmmux':
            node.pop('_scope_')
        node = node.values()
    if not isinstance(node, str) and isinstance(node, Iterable):
        for value in node:
            if isinstance(value, (dict, list, tuple)):
                _forget_own_scope(value)


def _synchronize_on_cpus(node) -> None:
    """Turn every SyncBN of a model's config into this package's: torch's is for GPUs only."""
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


def train_in_mixed_precision(cfg: Config) -> None:
    """Have the optimiser run the forward pass in half precision with a dynamic loss scale (`--amp`).

    Raises:
        ConfigError: there is no GPU.
    """
    if not torch.cuda.is_available():
        raise ConfigError('--amp needs a GPU and torch sees none: leave it out to train in float32')
    cfg.optim_wrapper.type = 'AmpOptimWrapper'
    cfg.optim_wrapper.loss_scale = 'dynamic'


def scale_learning_rate(cfg: Config) -> None:
    """Scale the learning rate by the real batch size over the one it was set for (`--auto-scale-lr`).

    Raises:
        ConfigError: the config does not say for which batch size its learning rate is.
    """
    if 'base_batch_size' not in cfg.get('auto_scale_lr', {}):
        raise ConfigError('--auto-scale-lr needs auto_scale_lr.base_batch_size in the config: the batch size that its '
                          'learning rate was set for')
    cfg.auto_scale_lr.enable = True


def resume(cfg: Config, checkpoint: str) -> None:
    """Go on from a checkpoint, or with 'auto' from the latest one in the work dir (`--resume`)."""
    cfg.resume = True
    cfg.load_from = None if checkpoint == 'auto' else checkpoint


def test_with_augmentation(cfg: Config) -> None:
    """Merge the predictions of several views of each picture (`--tta`).

    Raises:
        ConfigError: the config does not say which views.
    """
    for key in ('tta_model', 'tta_pipeline'):
        if key not in cfg:
            raise ConfigError(f'--tta needs {key} in the config, as configs/_base_ has it')
    if 'datasets' in cfg.test_dataloader.dataset:
        raise ConfigError('--tta tests one data set at a time, and test_dataloader.dataset holds several: name one there')
    innermost_dataset(cfg.test_dataloader).pipeline = cfg.tta_pipeline
    cfg.model = ConfigDict(**cfg.tta_model, module=cfg.model)


def innermost_dataset(dataloader: ConfigDict) -> ConfigDict:
    """The data set inside wrappers such as RepeatDataset; of several (ConcatDataset), the first."""
    dataset = dataloader.dataset
    while 'dataset' in dataset or 'datasets' in dataset:
        dataset = dataset.dataset if 'dataset' in dataset else dataset.datasets[0]
    return dataset


def inner_datasets(node: Mapping, key: str) -> Iterator[tuple[str, Mapping]]:
    """All data sets inside a data loader and its wrappers such as ConcatDataset, each with its config key.

    Args:
        node: the config of a data loader.
        key: its own key, e.g. 'train_dataloader'.
    """
    for name in _WRAPPED:
        inner = node.get(name)
        for index, child in enumerate(inner if isinstance(inner, (list, tuple)) else [inner]):
            if isinstance(child, Mapping):
                child_key = f'{key}.{name}' + (f'.{index}' if isinstance(inner, (list, tuple)) else '')
                if 'type' in child and not any(wrapped in child for wrapped in _WRAPPED):
                    yield child_key, child
                yield from inner_datasets(child, child_key)
