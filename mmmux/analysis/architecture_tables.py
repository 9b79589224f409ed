"""Tables of architectures for the documents: the family's rows, and the candidates that xs and s were chosen from."""
import json
from pathlib import Path
from statistics import mean

from mmmux.models import ARCHITECTURES, DS, MUX, Architecture
from mmmux.models.backbones.architectures import Row

_SCALE = {-1: '-1', 0: '0', 1: '+1'}


def family_table() -> str:
    """Markdown: each network of the family, stage by stage."""
    lines = ['| stage | ' + ' | '.join(f'MUXNet-{name}' for name in ARCHITECTURES) + ' |', '|---' * (len(ARCHITECTURES) + 1) + '|',
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


def candidate_table(result: Path) -> str:
    """Markdown of what `benchmarks/candidates.py` wrote."""
    data = json.loads(result.read_text())
    lines = ['| candidate | parameters | multiply-adds | top-1 after a short training |', '|---|---|---|---|']
    for name, row in data['candidates'].items():
        scores = f'{mean(row["top1"]):.2f}' + (f' ({min(row["top1"]):.2f} to {max(row["top1"]):.2f})' if len(row['top1']) > 1 else '')
        lines.append(f'| {name} | {row["params"]:,} | {row["macs"]:,} | {scores} |')
    epochs = {row['epochs'] for row in data['candidates'].values()}
    where = data['gpu'] or data['processor']
    return '\n'.join(lines) + (f'\n\n{"/".join(map(str, sorted(epochs)))} epochs of a tenth of CIFAR-10 at 32 x 32 pixels, seeds '
                               f'{", ".join(map(str, data["seeds"]))}; {where}, torch {data["versions"]["torch"]}, {data["date"]}. '
                               f'Written by `{data["command"].split(" ")[0]}`: [{result.name}](../{result.parent}/{result.name}).')
