"""From a config to the sets of pictures in it, each once."""
import contextlib
import io
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from mmengine.config import Config
from mmengine.dataset import BaseDataset
from mmengine.logging import MMLogger
from mmengine.registry import DATASETS

from mmmux.config.load import inner_datasets
from mmmux.utils.errors import ConfigError, DatasetError, UserError

from .any_layout import AnyLayout
from .layout import Layout

Layouts = Sequence[tuple[type, type[Layout]]]
SPLITS = ('train', 'val', 'test')
# What a data set does with its pictures, not which they are.
_NOT_ITS_PICTURES = ('pipeline', 'test_mode', 'filter_cfg', 'lazy_init', 'serialize_data', 'max_refetch', 'metainfo')


@dataclass
class Part:
    """A data set inside the wrappers of a data loader.

    Attributes:
        splits: those of train, val and test that read it.
        key: config key of the first of them.
        cfg: its config.
        title: what a report calls it.
    """
    splits: list[str]
    key: str
    cfg: Mapping
    title: str = field(default='', init=False)


def parts_of(cfg: Config, splits: Iterable[str]) -> list[Part]:
    """The data sets that a config reads for these splits; one that several of them read is there once.

    Raises:
        ConfigError: there are none.
    """
    parts: list[tuple[dict, Part]] = []
    for split in splits:
        loader = f'{split}_dataloader'
        for key, dataset in inner_datasets(cfg.get(loader) or {}, loader):
            pictures = {name: value for name, value in dataset.items() if name not in _NOT_ITS_PICTURES}
            known = next((part for other, part in parts if other == pictures), None)
            if known is None:
                parts.append((pictures, Part([split], key, dataset)))
            elif split not in known.splits:
                known.splits.append(split)
    if not parts:
        raise ConfigError(f'the config has no data set to check: {", ".join(f"{split}_dataloader" for split in splits)}')
    found = [part for _, part in parts]
    for part in found:
        part.title = ' and '.join(part.splits)
        siblings = [other for other in found if other.splits == part.splits]
        if len(siblings) > 1:
            part.title += f' {siblings.index(part) + 1}'
    return found


def open_part(part: Part, layouts: Layouts) -> Layout:
    """Build the data set, without reading it, and what reads it picture by picture.

    Args:
        part: the set.
        layouts: what reads the data sets of a class; others are read by :class:`AnyLayout`.

    Raises:
        UserError: its pictures cannot be listed.
    """
    with DATASETS.switch_scope_and_registry(None) as registry:
        kind = registry.get(part.cfg['type']) if isinstance(part.cfg['type'], str) else part.cfg['type']
    if kind is None or not isinstance(kind, type) or not issubclass(kind, BaseDataset):
        raise ConfigError(f"{part.key}.type '{part.cfg['type']}' is no data set of an OpenMMLab package that is installed here")
    layout = next((layout for dataset, layout in layouts if issubclass(kind, dataset)), AnyLayout)
    # In testing one bad picture is an error; here all are told.
    changes = dict(test_mode=False) if layout is AnyLayout and kind.__module__.startswith('mmmux.') else {}
    with quiet():
        try:
            dataset = DATASETS.build(dict(part.cfg, lazy_init=True, **changes))
        except TypeError as error:  # an argument that it does not take
            raise ConfigError(f'{part.key} cannot be built: {error}') from None
        try:
            return layout(dataset)
        except UserError:
            raise
        except Exception as error:  # of a data set that is not of this package, or of its file system
            raise DatasetError(f'{kind.__name__} cannot list its pictures: {type(error).__name__}: {error}') from None


def start(part: Part) -> None:
    """Start the data set as training or testing does.

    Raises:
        UserError: it refuses.
    """
    with quiet():
        DATASETS.build(dict(part.cfg))


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep back what data sets print when they start: it is reported, or is not for whom reads the report."""
    logger = MMLogger.get_current_instance()
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logger.setLevel(level)
