"""Read and check the config of a search space."""
import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from numbers import Integral
from typing import Any

from mmmux.models.architectures import DS, MUX, ROW_KINDS, Architecture
from mmmux.utils.errors import ConfigError

# Fields that a search may choose for the first row of a stage, by its type, and for the MUX rows after it.
FIRST_ROW_CHOICES = {
    'DS': ('out_channels', 'kernel_size', 'se_ratio'),
    'IR': ('out_channels', 'kernel_size', 'expand_ratio', 'se_ratio'),
}
MUX_ROW_CHOICES = ('kernel_size', 'expand_ratio', 'split_ratio', 'scales', 'se_ratio')
_FIXED = ('type', 'stride', 'act', 'mux')


@dataclass(frozen=True)
class StageChoices:
    """The fixed fields of a stage and the values to choose from.

    Attributes:
        kind (str): Type of the first row, 'DS' or 'IR'.
        stride (int): Stride of the first row.
        act (str): Activation of all rows.
        first (dict[str, tuple]): Values of each field of the first row.
        mux (dict[str, tuple]): Values of each field of the MUX rows, and of their number under 'blocks'; empty if the stage has
            none.
    """
    kind: str
    stride: int
    act: str
    first: dict[str, tuple]
    mux: dict[str, tuple]


@dataclass(frozen=True)
class SpaceTable:
    """The checked config of a search space, with the fields of :class:`mmmux.search.space.SearchSpace`."""
    stem_channels: tuple[int, ...]
    head_channels: tuple[int, ...]
    stages: tuple[StageChoices, ...]
    drop_path_rate: float


def read_space(config: Mapping) -> SpaceTable:
    """Read and check the config of a search space.

    Args:
        config (Mapping): Config as in :class:`mmmux.search.space.SearchSpace`.

    Returns:
        SpaceTable: The checked config.

    Raises:
        ConfigError: A key is unknown or missing, a list is empty or repeats a value, or a row of the network cannot have a
            value.
    """
    if not isinstance(config, Mapping):
        raise ConfigError(f"a search space must be a dict with 'stages', 'stem_channels' and 'head_channels', got {config!r}")
    check_keys(config, ('stem_channels', 'head_channels', 'stages', 'drop_path_rate'), 'the search space')
    stages = config.get('stages')
    if not isinstance(stages, (list, tuple)) or not stages:
        raise ConfigError(f"the search space is empty: 'stages' must be a list of stages, got {stages!r}")
    rate = config.get('drop_path_rate', 0.)
    table = SpaceTable(
        stem_channels=_values(config, 'stem_channels', Architecture.stem_channels, 'the search space'),
        head_channels=_values(config, 'head_channels', None, 'the search space'),
        stages=tuple(_stage(stage, f'stages.{index} of the search space') for index, stage in enumerate(stages)),
        drop_path_rate=rate)
    for stem in table.stem_channels:
        _try(Architecture, 'the search space', ((DS(1), ), ), 1, rate, stem)
    for head in table.head_channels:
        _try(Architecture, 'the search space', ((DS(1), ), ), head)
    return table


def check_keys(config: Mapping, known: Iterable[str], where: str) -> None:
    """Refuse unknown keys, and suggest a similar known key.

    Args:
        config (Mapping): Mapping to check.
        known (Iterable[str]): Accepted keys.
        where (str): Name of the mapping, for the error message.

    Raises:
        ConfigError: A key is unknown.
    """
    known = list(known)
    for key in config:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f'choose from {", ".join(known)}'
            raise ConfigError(f"{where} has no key '{key}': {hint}")


def _stage(config: Any, where: str) -> StageChoices:
    if not isinstance(config, Mapping):
        raise ConfigError(f'{where} must be a dict, got {config!r}')
    kind = config.get('type')
    if kind not in FIRST_ROW_CHOICES:
        raise ConfigError(f"{where} must have type 'DS' or 'IR', got {kind!r}")
    names = FIRST_ROW_CHOICES[kind]
    check_keys(config, (*_FIXED, *names), f'{where} ({kind})')
    row = ROW_KINDS[kind]
    stride, act = config.get('stride', row.stride), config.get('act', row.act)
    first = {name: _values(config, name, getattr(row, name, None), where) for name in names}
    for name, values in first.items():
        for value in values:
            _try(row, where, **{'out_channels': 1, 'stride': stride, 'act': act, name: value})
    return StageChoices(kind, stride, act, first, _mux(config.get('mux'), f'mux of {where}'))


def _mux(config: Any, where: str) -> dict[str, tuple]:
    if config is None:
        return {}
    if not isinstance(config, Mapping):
        raise ConfigError(f"{where} must be a dict with 'blocks' and lists of values to choose from, or None, got {config!r}")
    check_keys(config, ('blocks', *MUX_ROW_CHOICES), where)
    mux = {'blocks': _values(config, 'blocks', None, where)}
    mux.update({name: _values(config, name, getattr(MUX, name), where) for name in MUX_ROW_CHOICES})
    for blocks in mux['blocks']:
        if isinstance(blocks, bool) or not isinstance(blocks, Integral) or blocks < 0:
            raise ConfigError(f'blocks of {where} must be whole numbers from 0 up, got {blocks!r}')
    if not any(mux['blocks']):
        raise ConfigError(f"blocks of {where} must hold a number above 0, got {mux['blocks']}: add one, or leave out mux")
    for name in MUX_ROW_CHOICES:
        for value in mux[name]:
            _try(MUX, where, **{name: value})
    for kernel in mux['kernel_size']:
        if isinstance(kernel, tuple):
            raise ConfigError(f'kernel_size of {where} must hold single odd numbers, got {kernel}: only the first row of a '
                              'stage can have mixed kernels')
    return mux


def _values(config: Mapping, name: str, default: Any, where: str) -> tuple:
    if name not in config:
        if default is None and name != 'scales':
            raise ConfigError(f"{where} lacks '{name}': give a list of values to choose from")
        return (default, )
    values = config[name]
    if not isinstance(values, (list, tuple)):
        raise ConfigError(f'{name} of {where} must be a list of values to choose from, got {values!r}')
    values = tuple(tuple(value) if isinstance(value, (list, tuple)) else value for value in values)
    if not values:
        raise ConfigError(f'{name} of {where} is empty: give at least one value')
    for index, value in enumerate(values):
        if value in values[:index]:
            raise ConfigError(f'{name} of {where} has {value!r} twice: remove one of them')
    return values


def _try(make, where: str, *args, **fields) -> None:
    try:
        make(*args, **fields)
    except ConfigError as error:
        raise ConfigError(f'{where} cannot be used: {error}') from None
