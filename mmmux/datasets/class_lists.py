"""The class names of data sets and checkpoints: read, check and compare them.

The number of a class is its position in such a list. Two lists with the same names in another order give a trained model a
permuted score, and nothing else would notice.
"""
import logging
import os.path as osp
from collections.abc import Mapping, Sequence

import numpy as np
from mmengine.config import Config
from mmengine.fileio import list_from_file
from mmengine.logging import print_log
from mmengine.registry import DATASETS, init_default_scope

from mmmux.config.load import inner_datasets
from mmmux.utils.errors import ConfigError, UserError, in_a_line

_MOST_LISTED = 30  # longest list that a message shows in full


def given_classes(classes, owner: str, known: Sequence[str] = ()) -> tuple[str, ...]:
    """Read `metainfo.classes` of a config.

    Args:
        classes (Sequence[str] | str): Class names, or a text file with a name per line.
        owner (str): Data set or config key of this `metainfo`, for error messages.
        known (Sequence[str]): The class names of the data set's type, which may repeat a name. Defaults to ().

    Returns:
        tuple[str, ...]: The names.

    Raises:
        ConfigError: It is neither, is empty, or names a class twice.
    """
    names = classes
    if isinstance(classes, str) and osp.isfile(classes):
        names = [name for name in map(str.strip, list_from_file(classes)) if name]
    if not isinstance(names, (list, tuple)) or not names or not all(isinstance(name, str) for name in names):
        raise ConfigError(f'metainfo.classes of {owner} must be a tuple of class names or a file of them, got {classes!r} (one '
                          "class: ('name',))")
    twice = [name for name in dict.fromkeys(names) if list(names).count(name) > 1]
    if twice and tuple(names) != tuple(known):
        raise ConfigError(f'metainfo.classes of {owner} names a class twice: {", ".join(map(repr, twice))} in {listed(names)}; '
                          'take one of them away')
    return tuple(names)


def given_metainfo(metainfo: Mapping | None, owner: str, known: Mapping) -> dict:
    """Check the `metainfo` of a data set; a palette with fewer colours than classes is replaced by None.

    None makes mmdet and mmseg generate the colours.

    Args:
        metainfo (Mapping | None): `metainfo` of the config.
        owner (str): The data set, for error messages.
        known (Mapping): `METAINFO` of the data set's type.

    Returns:
        dict: A copy in which `classes`, if given, is a tuple.

    Raises:
        ConfigError: `classes` is not valid.
    """
    metainfo = dict(metainfo or {})
    if 'classes' in metainfo:
        metainfo['classes'] = given_classes(metainfo['classes'], owner, known.get('classes', ()))
    palette = metainfo.get('palette', known.get('palette'))
    if _is_short(palette, metainfo.get('classes', known.get('classes', ()))):
        metainfo['palette'] = None
    return metainfo


def class_names(metainfo) -> tuple[str, ...] | None:
    """Return the class names in the `metainfo` of a data set or the `dataset_meta` of a checkpoint.

    Args:
        metainfo (Mapping | Sequence[Mapping] | None): mmdet's ConcatDataset has one for each part if they differ; then the
            result is that of the first.

    Returns:
        tuple[str, ...] | None: The names; None if it has none.
    """
    if isinstance(metainfo, (list, tuple)):
        metainfo = metainfo[0] if metainfo else None
    if not isinstance(metainfo, Mapping):
        return None
    # Some checkpoints have CLASSES.
    names = next((value for key, value in metainfo.items() if str(key).lower() == 'classes'), None)
    return tuple(map(str, names)) if isinstance(names, (list, tuple)) and names else None


def full_palette(metainfo: Mapping) -> dict:
    """Return `metainfo` with a colour for each class: those it has, or generated ones if they are fewer than the classes.

    The generated colours are mmseg's.
    """
    names = class_names(metainfo) or ()
    if not _is_short(metainfo.get('palette'), names):
        return dict(metainfo)
    colours = np.random.RandomState(42).randint(0, 255, size=(len(names), 3)).tolist()
    return dict(metainfo, palette=[tuple(colour) for colour in colours])


def listed(names: Sequence[str]) -> str:
    """Return class names for a message: in parentheses, the first 30 and the number of all if there are more."""
    shown = ', '.join(in_a_line(str(name), 60) for name in names[:_MOST_LISTED])
    return f'({shown})' if len(names) <= _MOST_LISTED else f'({shown}, ...: {len(names)} classes)'


def difference(names: Sequence[str], where: str, others: Sequence[str], other_where: str) -> str | None:
    """Compare two lists of classes.

    Args:
        names (Sequence[str]): The first list.
        where (str): Config key or file of the first list, for the message.
        others (Sequence[str]): The second list.
        other_where (str): Config key or file of the second list.

    Returns:
        str | None: What differs, with both lists; None if they are equal.
    """
    if tuple(names) == tuple(others):
        return None
    first = next((number for number, pair in enumerate(zip(names, others)) if pair[0] != pair[1]), min(len(names), len(others)))
    if sorted(names) == sorted(others):
        how = 'in another order'
    else:
        here, there = (in_a_line(part[first], 60) if first < len(part) else 'missing' for part in (names, others))
        how = f'and differ from number {first} on ({here} and {there})'
    return f'the classes of {where} are {listed(names)}, those of {other_where} are {listed(others)}, {how}'


def has_open_vocabulary(model: Mapping) -> bool:
    """Return whether a model takes its classes as words, so that a test may have other classes than the training.

    Args:
        model (Mapping): Config of the model.
    """
    return 'language_model' in model or any(
        has_open_vocabulary(model[key]) for key in ('module', 'detector') if isinstance(model.get(key), Mapping))


def check_classes(cfg: Config, loaders: Sequence[str]) -> None:
    """Check and compare the classes of all data sets in a config, before any of them reads its annotations.

    Data sets whose classes are known only after reading, or that are built without `metainfo`, are not compared. Neither are
    those of models with an open vocabulary, and videos, whose trackers are tested on other names than their detectors learn.

    Args:
        cfg (Config): The config of a run.
        loaders (Sequence[str]): Config keys of the data loaders. All their data sets must have the same classes.

    Raises:
        ConfigError: A class is named twice, two data sets differ, or a palette that the data set's type does not replace is
            shorter than the classes.
    """
    init_default_scope(cfg.get('default_scope', 'mmengine'))
    first, first_key, said, compared = None, '', set(), not has_open_vocabulary(cfg.get('model') or {})
    for loader in loaders:
        for key, dataset in inner_datasets(cfg.get(loader) or {}, loader):
            _check_palette(key, dataset, said)
            names = class_names(_metainfo(key, dataset))
            if names is None:
                continue
            complaint = compared and first and difference(names, key, first, first_key)
            if complaint:
                raise ConfigError(f'{complaint}: give both the same metainfo.classes, whose positions are the numbers that the '
                                  'model learns')
            if first is None:
                first, first_key = names, key


def _metainfo(key: str, dataset: Mapping):
    given = (dataset.get('metainfo') or {}).get('classes')
    changes = dict(pipeline=[]) if 'pipeline' in dataset else {}
    try:
        built = DATASETS.build(dict(dataset, lazy_init=True, **changes))
    except UserError:
        raise
    except Exception:  # the error is explained when the data set is built for use
        return None
    if any(base.__name__ == 'BaseVideoDataset' for base in type(built).__mro__):
        return None
    metainfo = getattr(built, 'metainfo', None)
    if given is not None and not isinstance(given, str):
        given_classes(given, key, (getattr(built, 'METAINFO', None) or {}).get('classes', ()))
    if _is_short((metainfo or {}).get('palette') if isinstance(metainfo, Mapping) else None, class_names(metainfo) or ()):
        raise ConfigError(_short(key, metainfo['palette'], class_names(metainfo)))
    return metainfo


def _check_palette(key: str, dataset: Mapping, said: set) -> None:
    metainfo = dataset.get('metainfo') or {}
    palette, classes = metainfo.get('palette'), metainfo.get('classes')
    if isinstance(classes, str) or not _is_short(palette, classes or ()):
        return
    sentence = _short(key, palette, classes)
    if not str(dataset.get('type')).startswith('mmmux.'):
        raise ConfigError(sentence)
    pair = str((palette, classes))
    if pair not in said:
        said.add(pair)
        print_log(f'{sentence}; other colours are generated', 'current', logging.WARNING)


def _is_short(palette, classes: Sequence[str]) -> bool:
    return isinstance(palette, (list, tuple)) and not isinstance(palette[0] if palette else 0, (int, float)) and \
        0 < len(palette) < len(classes)


def _short(key: str, palette: Sequence, classes: Sequence[str]) -> str:
    return (f'{key}.metainfo.palette has {len(palette)} colours, {list(map(tuple, palette))}, for the {len(classes)} classes '
            f'{listed(classes)}: set palette=None, or a colour for each class')
