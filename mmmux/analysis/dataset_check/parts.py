"""Find the data sets in a config, each once, and open them; the first step of :func:`mmmux.analysis.dataset_check.check`."""
import contextlib
import io
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from mmengine.config import Config
from mmengine.dataset import BaseDataset
from mmengine.logging import MMLogger
from mmengine.registry import DATASETS

from mmmux.config.careful_loaders import with_careful_loaders
from mmmux.config.load import inner_datasets
from mmmux.utils.errors import ConfigError, DatasetError, UserError

from .any_layout import AnyLayout
from .layout import Layout

Layouts = Sequence[tuple[type, type[Layout]]]
SPLITS = ('train', 'val', 'test')
# Options that do not change which images a data set has; data sets that differ only in these are the same part.
_NOT_ITS_PICTURES = ('pipeline', 'test_mode', 'filter_cfg', 'lazy_init', 'serialize_data', 'max_refetch', 'metainfo')


@dataclass
class Part:
    """A data set of the config, without the wrappers around it.

    Attributes:
        splits: the splits that read it, out of 'train', 'val' and 'test'.
        key: config key of the data set in the first of these splits.
        cfg: config of the data set.
        title: name in the report, for example 'train' or 'val and test'.
    """
    splits: list[str]
    key: str
    cfg: Mapping
    title: str = field(default='', init=False)


def parts_of(cfg: Config, splits: Iterable[str]) -> list[Part]:
    """Return the data sets that a config reads for some splits; a data set that several splits read is listed once.

    Args:
        cfg (Config): the config.
        splits (Iterable[str]): out of 'train', 'val' and 'test'.

    Raises:
        ConfigError: the config has no data set for these splits.
    """
    parts: list[tuple[dict, Part]] = []
    for split in splits:
        loader = f'{split}_dataloader'
        for key, dataset in inner_datasets(with_careful_loaders(cfg.get(loader) or {}), loader):
            pictures = {name: value for name, value in dataset.items() if name not in _NOT_ITS_PICTURES}
            known = next((part for other, part in parts if other == pictures), None)
            if known is None:
                parts.append((pictures, Part([split], key, dataset)))
            elif split not in known.splits:
                known.splits.append(split)
    if not parts:
        raise ConfigError('the config has no data set to check: it needs one of '
                          f'{", ".join(f"{split}_dataloader" for split in splits)}')
    found = [part for _, part in parts]
    for part in found:
        part.title = ' and '.join(part.splits)
        siblings = [other for other in found if other.splits == part.splits]
        if len(siblings) > 1:
            part.title += f' {siblings.index(part) + 1}'
    return found


def open_part(part: Part, layouts: Layouts) -> Layout:
    """Build a data set without loading it, and the layout that reads it image by image.

    Args:
        part (Part): the data set.
        layouts (Layouts): pairs of a data set class and its layout; other classes are read by :class:`AnyLayout`.

    Raises:
        UserError: the data set cannot be built, or cannot list its images.
    """
    with DATASETS.switch_scope_and_registry(None) as registry:
        kind = registry.get(part.cfg['type']) if isinstance(part.cfg['type'], str) else part.cfg['type']
    if kind is None or not isinstance(kind, type) or not issubclass(kind, BaseDataset):
        raise ConfigError(f"{part.key}.type must be a data set of an installed OpenMMLab package, got '{part.cfg['type']}'")
    layout = next((layout for dataset, layout in layouts if issubclass(kind, dataset)), AnyLayout)
    # With test_mode, the data set raises at the first bad image; the check reports all of them.
    changes = dict(test_mode=False) if layout is AnyLayout and kind.__module__.startswith('mmmux.') else {}
    with quiet():
        try:
            dataset = DATASETS.build(dict(part.cfg, lazy_init=True, **changes))
        except TypeError as error:  # an unknown argument
            raise ConfigError(f'{part.key} cannot be built: {error}') from None
        try:
            return layout(dataset)
        except UserError:
            raise
        except Exception as error:  # data sets of other packages, and file systems, raise their own types
            raise DatasetError(f'{kind.__name__} cannot list its pictures: {type(error).__name__}: {error}') from None


def start(part: Part) -> None:
    """Build and load a data set as training or testing does.

    Raises:
        UserError: the data set cannot be used.
    """
    with quiet():
        DATASETS.build(dict(part.cfg))


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Suppress the output and the warnings of data sets that start; the report states the defects itself."""
    logger = MMLogger.get_current_instance()
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logger.setLevel(level)
