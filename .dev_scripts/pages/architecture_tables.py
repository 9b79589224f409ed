"""Make the tables of architectures: the family's rows, and the candidates from which xs and s were chosen."""
import json
from pathlib import Path

from mmmux.analysis.complexity import classifier_complexity
from mmmux.models import ARCHITECTURES, DS, MUX, Architecture
from mmmux.models.architectures import Row

_SCALE = {-1: '-1', 0: '0', 1: '+1'}


def family_table() -> str:
    """Return a Markdown table of each network of the family, with one line for each stage."""
    lines = ['| stage | ' + ' | '.join(f'MUXNet-{name}' for name in ARCHITECTURES) + ' |',
             '|---' * (len(ARCHITECTURES) + 1) + '|',
             '| stem | ' + ' | '.join(f'3 x 3, stride 2, {arch.stem_channels}' for arch in ARCHITECTURES.values()) + ' |']
    for stage in range(max(len(arch.stages) for arch in ARCHITECTURES.values())):
        lines.append(f'| {stage} | ' + ' | '.join(_stage(arch, stage) for arch in ARCHITECTURES.values()) + ' |')
    lines.append('| head | ' + ' | '.join(f'1 x 1, {arch.head_channels}' for arch in ARCHITECTURES.values()) + ' |')
    return '\n'.join(lines)


def _stage(arch: Architecture, stage: int) -> str:
    rows = arch.stages[stage]
    groups = [(row, rows.count(row)) for row in dict.fromkeys(rows)]
    return ', '.join(f'{count} x {_row(row)}' if count > 1 else _row(row) for row, count in groups)


def _row(row: Row) -> str:
    kernel = row.kernel_size if isinstance(row.kernel_size, int) else ','.join(map(str, row.kernel_size))
    words = [type(row).__name__, f'k{kernel}']
    if not isinstance(row, MUX) and row.stride > 1:
        words.append(f's{row.stride}')
    if not isinstance(row, DS):
        words.append(f'e{row.expand_ratio}')
    if row.scales:
        words.append(f'({", ".join(_SCALE[scale] for scale in row.scales)})')
    return ' '.join(words) + ('' if isinstance(row, MUX) else f' -> {row.out_channels}')


def budget_table(root: Path) -> str:
    """Return a Markdown table of the counted costs of MUXNet-xs and -s beside the budgets that the paper gives.

    Args:
        root: root of the repository.
    """
    paper = json.loads((root / 'docs/paper_figures.json').read_text())['backbones']
    lines = ["| network | parameters, multiply-adds | the paper's budget |", '|---|---|---|']
    for name in ('xs', 's'):
        total = classifier_complexity(ARCHITECTURES[name])
        lines.append(f'| MUXNet-{name} | {total.params:,}, {total.macs:,} | {paper[name]["params"]}, {paper[name]["macs"]} |')
    return '\n'.join(lines)


def candidate_table(result: Path) -> str:
    """Return a Markdown table of a result file of `benchmarks/candidates.py`."""
    data = json.loads(result.read_text())
    lines = ['| candidate | parameters | multiply-adds | top-1 after a short training |', '|---|---|---|---|']
    for name, row in data['candidates'].items():
        scores = ', '.join(f'{score:.2f}' for score in row['top1'])
        lines.append(f'| {name} | {row["params"]:,} | {row["macs"]:,} | {scores} |')
    epochs = '/'.join(sorted({str(row['epochs']) for row in data['candidates'].values()}))
    conditions = (f'{epochs} epochs of a tenth of CIFAR-10 at 32 x 32 pixels, seeds {", ".join(map(str, data["seeds"]))}; '
                  f'{data["gpu"] or data["processor"]}, torch {data["versions"]["torch"]}, {data["date"]}')
    return '\n'.join([*lines, '', f'{conditions}. Written by `{data["command"].split(" ")[0]}`: [{result.name}]'
                      f'(../benchmarks/results/{result.name}).'])
