"""Read training curves from the logs of mmengine's LocalVisBackend, and plot them."""
import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mmmux.utils.errors import DatasetError


@dataclass
class Curves:
    """The logged values of one training, by name, as (epoch, value) pairs, or (iteration, value) if it has no epochs.

    Attributes:
        train: losses, learning rate and times (seconds per iteration); epochs are fractional.
        val: metrics; epochs are whole numbers.
        iterations_per_epoch: 1 if the training has no epochs.
        unit: 'epoch' or 'iteration', the unit of the first element of each pair.
    """
    train: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    val: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    iterations_per_epoch: float = 1.
    unit: str = 'epoch'


def read_curves(work_dir: str | Path) -> Curves:
    """Read every `*/vis_data/scalars.json` in a work dir, and join the runs of a resumed training.

    Args:
        work_dir (str or Path): the work dir of a training.

    Raises:
        DatasetError: the work dir has no such file.
    """
    files = sorted(Path(work_dir).glob('*/vis_data/scalars.json'))
    if not files:
        raise DatasetError(f'{work_dir} holds no training log (*/vis_data/scalars.json): give the work dir of a training')
    rows: list[dict] = []
    for file in files:
        mine = _rows(file)
        begin = next((row['iter'] for row in mine if 'loss' in row), None)
        if begin is not None:  # a run that starts before the end of the last one replaces the rows that it repeats
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
        except json.JSONDecodeError:  # a killed run can leave an incomplete line
            continue
    return rows


def _iterations_per_epoch(rows: list[dict]) -> float:
    # The iteration of a row in epoch e lies in ((e - 1) * per_epoch, e * per_epoch], so the largest ratio is the closest bound.
    return max((row['iter'] / row['epoch'] for row in rows if 'loss' in row and row.get('epoch')), default=1.)


def _add(series: dict, epoch: float, row: Mapping) -> None:
    for name, value in row.items():
        if isinstance(value, (int, float)):
            series.setdefault(name, []).append((epoch, value))


def plot_curves(runs: Mapping[str, Curves], metric: str, out_file: str | Path) -> None:
    """Plot the loss and a metric of one or more trainings against epochs or iterations.

    Args:
        runs (Mapping[str, Curves]): the curves, by the name in the legend.
        metric (str): name of the metric, for example 'pascal_voc/mAP' (0 to 1) or 'mIoU' (percent).
        out_file (str or Path): image file to write.
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
