"""Architecture tables of the MUXNet family: a stem, stages of typed block rows, and a 1x1 head convolution.

The family is from Lu, Deb and Boddeti, "MUXConv: Information Multiplexing in Convolutional Neural Networks", CVPR 2020.
"""
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from typing import Any

from mmmux.utils.errors import ConfigError, in_a_line

from .rows import DS, IR, MUX, ROW_KINDS, Checked, Row, is_count, is_number

_FIELDS = {
    'head_channels': ('a positive whole number', is_count),
    'stem_channels': ('a positive whole number', is_count),
    'drop_path_rate': ('a number from 0 to below 1', lambda value: is_number(value) and 0 <= value < 1),
    'stages': ('a list of stages, each a list of at least one row',
               lambda value: isinstance(value, tuple) and value and all(
                   isinstance(stage, tuple) and stage and all(isinstance(row, Row) for row in stage) for stage in value)),
}


@dataclass(frozen=True)
class Architecture(Checked):
    """Architecture of one network: stem width, block rows of each stage, head width and stochastic depth.

    Args:
        stages (tuple[tuple[Row, ...], ...]): Rows of each stage, in order.
        head_channels (int): Output channels of the 1x1 convolution after the last stage.
        drop_path_rate (float): Stochastic depth: block i of n drops its residual branch with probability
            `drop_path_rate * i / n` in training, i counted from 0. Defaults to 0.
        stem_channels (int): Output channels of the first convolution (3x3, stride 2). Defaults to 24.

    Raises:
        ConfigError: A field has a value that is not accepted.
    """
    accepted = _FIELDS

    stages: tuple[tuple[Row, ...], ...]
    head_channels: int
    drop_path_rate: float = 0.
    stem_channels: int = 24


# m and l are the authors' tables. For xs and s the authors published costs but no tables, so those two tables are ours
# (docs/architectures.md).
ARCHITECTURES = {
    'xs': Architecture(
        stem_channels=16,
        head_channels=1152,
        stages=(
            (DS(16, act='ReLU'), ),
            (IR(16, 3, stride=2, expand_ratio=2, act='ReLU'), MUX(3, expand_ratio=2, act='ReLU', scales=(-1, 0))),
            (IR(24, (3, 5, 7), stride=2, expand_ratio=3), MUX(3, expand_ratio=4, scales=(-1, 0))),
            (IR(48, (3, 5, 7, 9), stride=2, expand_ratio=4), ) + 2 * (MUX(5, expand_ratio=4), ),
            (IR(72, 5, expand_ratio=4), ) + 2 * (MUX(5, expand_ratio=4, scales=(0, 1)), ),
            (IR(96, (3, 5, 7, 9, 11), stride=2, expand_ratio=3), ) + 3 * (MUX(5, scales=(0, 1)), ),
            (IR(120, 3, expand_ratio=4), ),
        )),
    's': Architecture(
        stem_channels=16,
        head_channels=1280,
        stages=(
            (DS(16, act='ReLU'), ),
            (IR(16, 3, stride=2, expand_ratio=4, act='ReLU'), MUX(3, expand_ratio=4, act='ReLU', scales=(-1, 0))),
            (IR(24, (3, 5, 7), stride=2, expand_ratio=4), ) + 2 * (MUX(3, scales=(-1, 0)), ),
            (IR(56, (3, 5, 7, 9), stride=2, expand_ratio=4), ) + 3 * (MUX(5), ),
            (IR(88, 5), ) + 3 * (MUX(5, scales=(0, 1)), ),
            (IR(120, (3, 5, 7, 9, 11), stride=2, expand_ratio=4), ) + 3 * (MUX(5, scales=(0, 1)), ),
            (IR(152, 3, expand_ratio=4), ),
        )),
    'm': Architecture(
        head_channels=1280,
        drop_path_rate=0.1,
        stages=(
            (DS(24, act='ReLU'), ),
            (IR(24, 3, stride=2, expand_ratio=4, act='ReLU'), ) + 2 * (MUX(3, expand_ratio=4, act='ReLU'), ),
            (IR(40, (3, 5, 7), stride=2, expand_ratio=4), ) + 2 * (MUX(3), ),
            (IR(80, (3, 5, 7, 9), stride=2, expand_ratio=4), ) + 2 * (MUX(5), ),
            (IR(112, 5), ) + 2 * (MUX(5), ),
            (IR(160, (3, 5, 7, 9, 11), stride=2, expand_ratio=4), ) + 3 * (MUX(5), ),
            (IR(200, 3), ),
        )),
    'l': Architecture(
        head_channels=1536,
        drop_path_rate=0.15,
        stages=(
            (DS(24, act='ReLU'), ),
            (IR(24, 3, stride=2, act='ReLU'), ) + 2 * (MUX(5, act='ReLU'), ),
            (IR(40, (3, 5, 7), stride=2), ) + 3 * (MUX(5), ),
            (IR(80, (3, 5, 7, 9), stride=2), ) + 3 * (MUX(5), ),
            (IR(120, 5), ) + 3 * (MUX(5), ),
            (IR(160, (3, 5, 7, 9, 11), stride=2), ) + 3 * (MUX(5), ),
            (IR(200, 3), ),
        )),
}


def get_architecture(arch: 'str | Architecture | Mapping') -> Architecture:
    """Convert the `arch` value of a config to an :class:`Architecture`.

    Args:
        arch (str | Architecture | Mapping): A name from `ARCHITECTURES`, an :class:`Architecture`, or a dict with the fields
            of an :class:`Architecture`. In the dict, each row is a dict whose `type` is 'DS', 'IR' or 'MUX' and whose other
            keys are the fields of that row.

    Returns:
        Architecture: The checked architecture.

    Raises:
        ConfigError: The name, a row type, a field or a value is not accepted.
    """
    if isinstance(arch, Architecture):
        return arch
    if isinstance(arch, str):
        if arch not in ARCHITECTURES:
            raise ConfigError(f"arch '{arch}' of MUXNet is not known: choose from {_quoted(ARCHITECTURES)}, or give a table "
                              "of rows (a dict with 'stages' and 'head_channels')")
        return ARCHITECTURES[arch]
    if not isinstance(arch, Mapping):
        raise ConfigError(f'arch of MUXNet must be a name ({_quoted(ARCHITECTURES)}) or a table of rows, got {arch!r}')
    table = dict(arch)
    stages = table.pop('stages', ())
    if not stages or not _is_list(stages) or not all(_is_list(stage) for stage in stages):
        raise ConfigError("'stages' in arch of MUXNet must be a list of stages, each a list of at least one row, got "
                          f'{in_a_line(repr(stages))}')
    rows = tuple(
        tuple(_row(row, f'row {j} of stage {i}') for j, row in enumerate(stage)) for i, stage in enumerate(stages))
    return _from_dict(Architecture, dict(table, stages=rows), 'arch')


def as_table(arch: Architecture) -> dict:
    """Convert an architecture to lists and dicts for a config, the inverse of :func:`get_architecture`.

    Args:
        arch (Architecture): The architecture.

    Returns:
        dict: The fields of the architecture; `stages` is a list of lists of dicts, each with a `type`.
    """
    table = {field.name: getattr(arch, field.name) for field in fields(arch)}
    rows = [[dict(type=type(row).__name__, **{field.name: getattr(row, field.name) for field in fields(row)})
             for row in stage] for stage in arch.stages]
    return _as_lists(dict(table, stages=rows))


def stage_width(arch: Architecture, stage: int) -> int:
    """Return the number of channels after a stage.

    Args:
        arch (Architecture): Architecture of the network.
        stage (int): Stage from 0; the number of stages stands for the head convolution.

    Returns:
        int: Number of channels.
    """
    if stage == len(arch.stages):
        return arch.head_channels
    rows = [row for rows in arch.stages[:stage + 1] for row in rows if not isinstance(row, MUX)]
    return rows[-1].out_channels if rows else arch.stem_channels


def _as_lists(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _as_lists(item) for key, item in value.items()}
    return [_as_lists(item) for item in value] if isinstance(value, (list, tuple)) else value


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _row(row: 'Row | Mapping', where: str) -> Row:
    if isinstance(row, Row):
        return row
    if not isinstance(row, Mapping):
        raise ConfigError(f"{where} in arch of MUXNet must be a dict with a 'type' ({_quoted(ROW_KINDS)}), got {row!r}")
    options = dict(row)
    kind = options.pop('type', None)
    if kind not in ROW_KINDS:
        raise ConfigError(f'{where} in arch of MUXNet has type {kind!r}: choose from {_quoted(ROW_KINDS)}')
    return _from_dict(ROW_KINDS[kind], options, f'{where} ({kind}) in arch')


def _from_dict(cls, options: dict, where: str):
    known = [field.name for field in fields(cls)]
    unknown = [name for name in options if name not in known]
    if unknown:
        raise ConfigError(f'{where} of MUXNet has no option {_quoted(unknown)}: choose from {_quoted(known)}')
    missing = [field.name for field in fields(cls) if field.default is MISSING and field.name not in options]
    if missing:
        raise ConfigError(f'{where} of MUXNet lacks {_quoted(missing)}, got {_quoted(options) or "no option"}')
    try:
        return cls(**options)
    except ConfigError as error:
        raise ConfigError(f'{where} of MUXNet cannot be used: {error}') from None


def _quoted(names) -> str:
    return ', '.join(f"'{name}'" for name in names)
