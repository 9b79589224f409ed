"""Check the class names and the split that a config gives a classification data set."""
from collections.abc import Mapping, Sequence

from mmmux.utils.errors import ConfigError

from .class_lists import given_classes

_NAMES_SHOWN = 5


def with_checked_classes(dataset, metainfo: Mapping | None, classes: str | Sequence[str] | None) -> dict:
    """Return a copy of `metainfo` in which `classes`, if given, is a tuple of distinct names.

    Args:
        dataset (BaseDataset): the data set, for its `METAINFO` and for error messages.
        metainfo (Mapping, optional): with `classes`, a tuple of names or a text file with a name per line.
        classes (str or Sequence[str], optional): used if `metainfo` has no `classes`.

    Raises:
        ConfigError: the classes are not a list of names, or a name is there twice.
    """
    metainfo = dict(metainfo or {})
    names = metainfo.pop('classes', None)
    names = classes if names is None else names
    if names is None:
        return metainfo
    return dict(metainfo, classes=given_classes(names, type(dataset).__name__, dataset.METAINFO.get('classes', ())))


def check_split(dataset, split: str, accepted: tuple[str, ...]) -> None:
    """Check the `split` of a data set.

    Args:
        dataset (BaseDataset): the data set, for error messages.
        split (str): the split.
        accepted (tuple[str, ...]): accepted splits; '' stands for no split.

    Raises:
        ConfigError: the split is not accepted.
    """
    if split not in accepted:
        raise ConfigError(f'split of {type(dataset).__name__} must be {" or ".join(name for name in accepted if name)}, got '
                          f'{split!r}')


def some(names: Sequence[str]) -> str:
    """Return the first names in quotes, for a message, with dots if there are more."""
    return ', '.join(f"'{name}'" for name in names[:_NAMES_SHOWN]) + (', ...' if len(names) > _NAMES_SHOWN else '')
