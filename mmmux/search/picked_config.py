"""Write a picked network as a config that trains it and as a Markdown table."""
import os
from collections.abc import Iterator, Sequence
from dataclasses import fields
from itertools import groupby
from pathlib import Path
from typing import Any

from mmengine.config import Config

from mmmux.config.keys import get_key
from mmmux.models import DS, MUX, Architecture
from mmmux.models.architectures import Row

from .candidate_config import task_config
from .journal import Evaluation
from .settings import SearchSettings

_INDENT = '    '
_LINE = 120


def write_picked(evaluation: Evaluation, settings: SearchSettings, cfg: Config, how: str, out: str | Path) -> list[Path]:
    """Write a config that trains a picked network, and beside it a table of the network's architecture.

    The config inherits the config of the search and trains with its full schedule. If the search trains nothing (the analytic
    error), only the table is written.

    Args:
        evaluation (Evaluation): The picked result.
        settings (SearchSettings): Settings of the search.
        cfg (Config): Config of the search, read from a file.
        how (str): The rule that picked the result, see :func:`.pick.pick`.
        out (str | Path): Config file to write, ending in '.py'; the table has the same name with the suffix '.md'.

    Returns:
        list[Path]: The written files.
    """
    out = Path(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    arch = settings.space.decode(evaluation.genome)
    result = describe(evaluation, settings)
    table = out.with_suffix('.md')
    table.write_text(f'# {out.stem}\n\nPicked by `{how}`: {result}.\n\n{architecture_table(arch)}\n')
    if settings.analytic is not None:
        return [table]
    base = os.path.relpath(cfg.filename, out.parent)
    out.write_text(f'# Picked by {how}: {result}.\n' + config_source(arch, settings, cfg, Path(base).as_posix()))
    return [out, table]


def describe(evaluation: Evaluation, settings: SearchSettings) -> str:
    """Describe a result in words: error, parameters, multiply-adds and relative latency.

    Args:
        evaluation (Evaluation): The result.
        settings (SearchSettings): Settings of the search.

    Returns:
        str: The description, e.g. for a comment.
    """
    height, width = settings.size
    latency = '' if evaluation.latency is None else f', latency {evaluation.latency:.2f} of the reference'
    return (f'error {evaluation.error:.4f} in the search, {evaluation.params:,} parameters, {evaluation.macs:,} multiply-adds '
            f'at {height} x {width}{latency}')


def config_source(arch: Architecture, settings: SearchSettings, cfg: Config, base: str) -> str:
    """Write the text of a config that inherits `base` and sets the network and the channels that follow it.

    Args:
        arch (Architecture): Architecture of the network.
        settings (SearchSettings): Settings of the search.
        cfg (Config): Config of the search.
        base (str): Path of the inherited config, relative to the new one.

    Returns:
        str: Python source.
    """
    task = task_config(cfg, arch, settings)
    model: dict = {}
    _put(model, [*settings.network.split('.'), 'arch'], _Source(
        f'dict(_delete_=True, stages=stages, head_channels={arch.head_channels}, stem_channels={arch.stem_channels}'
        + (f', drop_path_rate={arch.drop_path_rate}' if arch.drop_path_rate else '') + ')'))
    for key in settings.channels:
        path = _to_whole_list(key)
        _put(model, path, get_key(task, '.'.join(path), 'search.channels'))
    stages = ''.join(f'{_INDENT}{_stage(rows)},\n' for rows in arch.stages)
    changes = ''.join(f'{name} = {_dict_source(value, 0, len(name) + 3)}\n' for name, value in model.items())
    return f"_base_ = '{base}'\n\nsearch = None\nstages = [\n{stages}]\n{changes}"


class _Source(str):
    """Python source, which is written without quotes."""


def _to_whole_list(key: str) -> list[str]:
    # A config can replace an inherited list, but not one item of it.
    path = []
    for part in key.split('.'):
        if part.isdigit():
            break
        path.append(part)
    return path


def _put(tree: dict, path: Sequence[str], value: Any) -> None:
    for part in path[:-1]:
        tree = tree.setdefault(part, {})
    tree[path[-1]] = value


def _dict_source(value: Any, depth: int, column: int = 0) -> str:
    if not isinstance(value, dict):
        return value if isinstance(value, _Source) else repr(value)
    short = f'dict({", ".join(f"{key}={_dict_source(item, 0)}" for key, item in value.items())})'
    if column + len(short) <= _LINE and '\n' not in short:
        return short
    inner = _INDENT * (depth + 1)
    lines = (f'{inner}{key}={_dict_source(item, depth + 1, len(inner) + len(key) + 1)}' for key, item in value.items())
    return 'dict(\n' + ',\n'.join(lines) + ')'


def _stage(rows: Sequence[Row]) -> str:
    runs = [(_row(row), count) for row, count in _runs(rows)]
    parts = [f'{count} * [{text}]' if count > 1 else f'[{text}]' for text, count in runs]
    line = ' + '.join(parts)
    return line if len(line) + len(_INDENT) < _LINE else f' +\n{_INDENT}'.join(parts)


def _row(row: Row) -> str:
    options = [f'type={type(row).__name__!r}']
    for field in fields(row):
        value = getattr(row, field.name)
        if value != field.default:
            options.append(f'{field.name}={value!r}')
    return f'dict({", ".join(options)})'


def _runs(rows: Sequence[Row]) -> Iterator[tuple[Row, int]]:
    return ((row, len(list(same))) for row, same in groupby(rows))


def architecture_table(arch: Architecture) -> str:
    """Write an architecture as a Markdown table with one line for each run of equal rows of a stage.

    Args:
        arch (Architecture): Architecture of the network.

    Returns:
        str: Markdown without a final newline.
    """
    lines = ['| stage | rows | kernel | stride | expansion | processed channels | scales | SE | activation | channels |',
             '|---' * 10 + '|',
             f'| stem | convolution | 3 | 2 | - | - | - | - | Swish | {arch.stem_channels} |']
    channels = arch.stem_channels
    for index, rows in enumerate(arch.stages):
        for row, count in _runs(rows):
            channels = channels if isinstance(row, MUX) else row.out_channels
            lines.append('| ' + ' | '.join(map(str, _cells(index, row, count, channels))) + ' |')
    lines.append(f'| head | convolution | 1 | 1 | - | - | - | - | Swish | {arch.head_channels} |')
    return '\n'.join(lines)


def _cells(stage: int, row: Row, count: int, channels: int) -> tuple:
    kernel = row.kernel_size if isinstance(row.kernel_size, int) else ', '.join(map(str, row.kernel_size))
    scales = '-' if row.scales is None else ', '.join(f'{scale:+d}' if scale else '0' for scale in row.scales)
    return (stage, f'{count} x {type(row).__name__}', kernel, getattr(row, 'stride', 1),
            '-' if isinstance(row, DS) else row.expand_ratio, f'{row.split_ratio:.0%}' if isinstance(row, MUX) else 'all',
            scales, row.se_ratio or '-', row.act, channels)
