"""Checks before a run: a sentence now instead of a traceback after the model is built."""
from collections.abc import Mapping
from pathlib import Path

from mmengine.config import Config

from mmmux.utils.errors import CheckpointError, ConfigError, DatasetError

from .load import inner_datasets, innermost_dataset, segments


def check_data(cfg: Config, loaders: tuple[str, ...]) -> None:
    """Check that the files and folders which the data sets of a config name are there.

    Args:
        cfg: the config of a run.
        loaders: which data loaders will be used, e.g. `('train_dataloader', 'val_dataloader')`.

    Raises:
        DatasetError: something is missing; the message names it and the config key.
    """
    for loader in loaders:
        if cfg.get(loader):
            for key, dataset in inner_datasets(cfg[loader], loader):
                _check_dataset(key, dataset)
            _check_evaluator(loader.replace('dataloader', 'evaluator'), cfg)


def check_crop(cfg: Config) -> None:
    """Check that a segmentor's training crops fit into the size that they are padded to.

    mmseg would leave a larger crop as it is, and the batch could not be stacked when a smaller picture comes along.

    Raises:
        ConfigError: they do not fit, or the size of a batch is not defined.
    """
    preprocessor = cfg.model.get('data_preprocessor') or {}
    if not segments(cfg) or not str(preprocessor.get('type', '')).endswith('SegDataPreProcessor'):
        return
    padded = preprocessor.get('size')
    if (padded is None) == (preprocessor.get('size_divisor') is None):
        raise ConfigError('model.data_preprocessor must have either size or size_divisor, which say what a batch is padded '
                          f'to, got size={padded} and size_divisor={preprocessor.get("size_divisor")}')
    for transform in innermost_dataset(cfg.train_dataloader).get('pipeline', []):
        crop = transform.get('crop_size') if transform['type'].endswith('RandomCrop') else None
        crop = (crop, crop) if isinstance(crop, int) else crop
        if crop and padded and any(side > limit for side, limit in zip(crop, padded)):
            raise ConfigError(f'crop_size {tuple(crop)} of the training pipeline is larger than model.data_preprocessor.size '
                              f'{tuple(padded)}, which pictures are padded to: make both the same')


def check_checkpoint(path: str | None, option: str) -> None:
    """Check that a local checkpoint file is there.

    Raises:
        CheckpointError: it is not.
    """
    if path and '://' not in str(path) and not Path(path).expanduser().is_file():
        raise CheckpointError(f'checkpoint {path} ({option}) does not exist')


def _check_evaluator(key: str, cfg: Config) -> None:
    evaluators = cfg.get(key)
    for evaluator in evaluators if isinstance(evaluators, (list, tuple)) else [evaluators]:
        ann_file = (evaluator or {}).get('ann_file')
        if isinstance(ann_file, str) and '://' not in ann_file and not Path(ann_file).is_file():
            raise DatasetError(f'{ann_file} does not exist ({key}.ann_file): an evaluator has its own annotations, which do '
                               f"not follow the data set's data_root; give their place with --cfg-options {key}.ann_file=...")


def _check_dataset(key: str, dataset: Mapping) -> None:
    root = Path(dataset.get('data_root') or '.')
    if '://' in str(dataset.get('data_root')):  # on a server, which only reading can find out
        return
    if dataset.get('data_root') and not root.is_dir():
        raise DatasetError(f'data folder {root} does not exist ({key}.data_root): put the data there (README, "Data") or give '
                           f'its place with --cfg-options {key}.data_root=...')
    ann_file = dataset.get('ann_file')
    if isinstance(ann_file, str) and ann_file and '://' not in ann_file and not (root / ann_file).is_file():
        raise DatasetError(f'{root / ann_file} does not exist ({key}.ann_file): the data set is incomplete or data_root, now '
                           f'{root}, points elsewhere')
    prefixes = dataset.get('data_prefix') or {}
    for name, prefix in ({'': prefixes} if isinstance(prefixes, str) else prefixes).items():
        if isinstance(prefix, str) and '://' not in prefix and not (root / prefix).is_dir():
            where = f'{key}.data_prefix.{name}'.rstrip('.')
            raise DatasetError(f'{root / prefix} does not exist ({where}): the data set is incomplete or data_root, now '
                               f'{root}, points elsewhere')
