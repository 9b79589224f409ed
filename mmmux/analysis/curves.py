"""Training curves from what mmengine's LocalVisBackend writes."""
import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mmmux.utils.errors import DatasetError


@dataclass
class Curves:
    """Points of one training run: (epoch, value) pairs by name, or (iteration, value) where it has no epochs.

    Attributes:
        train: losses, learning rate and times, at fractions of epochs.
        val: metrics, at whole epochs.
        iterations_per_epoch: of the training; 1 where it has no epochs.
        unit: 'epoch' or 'iteration'.
    """
    train: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    val: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    iterations_per_epoch: float = 1.
    unit: str = 'epoch'


def read_curves(work_dir: str | Path) -> Curves:
    """Read every `vis_data/scalars.json` below a work dir, the runs of a resumed training in order.

    Raises:
        DatasetError: there is none.
    """
    files = sorted(Path(work_dir).glob('*/vis_data/scalars.json'))
    if not files:
        raise DatasetError(f'{work_dir} holds no training log (*/vis_data/scalars.json): is it the work dir of a training?')
    rows: list[dict] = []
    for file in files:
        mine = _rows(file)
        begin = next((row['iter'] for row in mine if 'loss' in row), None)
        if begin is not None:  # a run that began anew, or earlier than the last one ended, replaces what it did again
            rows = list(itertools.takewhile(lambda row, begin=begin: row.get('iter', 0) < begin, rows))
        rows += mine
    per_epoch = _iterations_per_epoch(rows)
    by_epoch = any('epoch' in row for row in rows)
    curves = Curves(iterations_per_epoch=per_epoch, unit='epoch' if by_epoch else 'iteration')
    for row in rows:
        if 'loss' in row:
            _add(curves.train, row['iter'] / per_epoch, row)
        elif 'step' in row:
            _add(curves.val, row['step'], row)
    return curves


def _rows(file: Path) -> list[dict]:
    rows = []
    for line in file.read_text().splitlines():
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:  # a run that was killed may leave half a line
            continue
    return rows


def _iterations_per_epoch(rows: list[dict]) -> float:
    # A row of epoch e has an iteration in ((e - 1) * per_epoch, e * per_epoch]; the latest rows tell most closely.
    return max((row['iter'] / row['epoch'] for row in rows if 'loss' in row and row.get('epoch')), default=1.)


def _add(series: dict, epoch: float, row: Mapping) -> None:
    for name, value in row.items():
        if isinstance(value, (int, float)):
            series.setdefault(name, []).append((epoch, value))


def plot_curves(runs: Mapping[str, Curves], metric: str, out_file: str | Path) -> None:
    """Plot loss and metric of one or more runs, by epoch or iteration, into a picture file.

    Args:
        runs: the curves by the name shown in the legend.
        metric: name of the metric, e.g. 'pascal_voc/mAP' (0 to 1) or 'mIoU' (percent).
        out_file: picture to write.
    """
    from matplotlib.figure import Figure  # not pyplot, whose choice of a backend holds for the whole process
    figure = Figure(figsize=(10, 3.6), layout='constrained')
    left, right = figure.subplots(1, 2)
    for name, curves in runs.items():
        for axes, points, marker in ((left, curves.train.get('loss', []), ''), (right, curves.val.get(metric, []), 'o')):
            if points:
                axes.plot(*np.array(points).T, marker=marker, markersize=3, label=name)
    unit = next(iter(runs.values())).unit
    highest = max((value for curves in runs.values() for _, value in curves.val.get(metric, [])), default=1)
    left.set(xlabel=unit, ylabel='training loss', yscale='log')
    right.set(xlabel=unit, ylabel=metric.split('/')[-1], ylim=(0, 1 if highest <= 1 else None))
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.legend()
    figure.savefig(out_file, dpi=110)
