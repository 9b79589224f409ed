"""Check that the files a config names exist, and that the machine can train, before the model is built."""
from collections.abc import Mapping
from pathlib import Path

from mmengine.config import Config
from mmengine.device import get_device

from mmmux.utils.errors import CheckpointError, ConfigError, DatasetError

from .load import inner_datasets
from .type_name import type_name


def check_data(cfg: Config, loaders: tuple[str, ...]) -> None:
    """Check that the files and folders of a config's data sets and evaluators exist.

    Args:
        cfg (Config): The config of a run.
        loaders (tuple[str, ...]): Config keys of the data loaders to check, e.g. `('train_dataloader', 'val_dataloader')`.

    Raises:
        DatasetError: A file or folder is missing. The message names its path and its config key.
    """
    for loader in loaders:
        if cfg.get(loader):
            for key, dataset in inner_datasets(cfg[loader], loader):
                _check_dataset(key, dataset)
            _check_evaluator(loader.replace('dataloader', 'evaluator'), cfg)


def check_checkpoint(path: str | None, option: str) -> None:
    """Check that a local checkpoint file exists; URLs are not checked.

    Args:
        path (str | None): Path or URL of the checkpoint, or None.
        option (str): Option or config key that gave the path, for the error message.

    Raises:
        CheckpointError: The path is empty, or the file does not exist.
    """
    if path == '':
        raise CheckpointError(f'the path of the checkpoint is empty ({option}), as from a last_checkpoint that does not exist: '
                              'give the path of a checkpoint file')
    if path and '://' not in str(path) and not Path(path).expanduser().is_file():
        raise CheckpointError(f'checkpoint {path} ({option}) does not exist: give the path of a checkpoint file')


def check_mixed_precision(cfg: Config) -> None:
    """Check that the machine can train with the optimiser wrapper of a config.

    Raises:
        ConfigError: It is mmengine's wrapper for mixed precision, which needs a GPU, and torch has none.
    """
    wrapper = cfg.get('optim_wrapper') or {}
    if type_name(wrapper) == 'AmpOptimWrapper' and get_device() == 'cpu':
        raise ConfigError(f'optim_wrapper.type is {wrapper["type"]}, which needs a GPU, and torch sees none: set '
                          'optim_wrapper.type=OptimWrapper, or train with --amp bf16 on a CPU that computes in it')


def _check_evaluator(key: str, cfg: Config) -> None:
    evaluators = cfg.get(key)
    for evaluator in evaluators if isinstance(evaluators, (list, tuple)) else [evaluators]:
        ann_file = (evaluator or {}).get('ann_file')
        if isinstance(ann_file, str) and '://' not in ann_file and not Path(ann_file).is_file():
            raise DatasetError(f'{ann_file} does not exist ({key}.ann_file): an evaluator reads its own annotation file, which '
                               f'is not relative to data_root of the data set; set it with --cfg-options {key}.ann_file=...')


def _check_dataset(key: str, dataset: Mapping) -> None:
    root = Path(dataset.get('data_root') or '.')
    if '://' in str(dataset.get('data_root')):  # data on a server are not checked
        return
    if dataset.get('data_root') and not root.is_dir():
        raise DatasetError(f'data folder {root} does not exist ({key}.data_root): put the data there (README, "Data") or set '
                           f'its path with --cfg-options {key}.data_root=...')
    ann_file = dataset.get('ann_file')
    if isinstance(ann_file, str) and ann_file and '://' not in ann_file and not (root / ann_file).is_file():
        raise DatasetError(f'{root / ann_file} does not exist ({key}.ann_file): complete the data set, or set data_root, which '
                           f'is {root}, to its folder')
    prefixes = dataset.get('data_prefix') or {}
    for name, prefix in ({'': prefixes} if isinstance(prefixes, str) else prefixes).items():
        if isinstance(prefix, str) and '://' not in prefix and not (root / prefix).is_dir():
            where = f'{key}.data_prefix.{name}'.rstrip('.')
            raise DatasetError(f'{root / prefix} does not exist ({where}): complete the data set, or set data_root, which is '
                               f'{root}, to its folder')
