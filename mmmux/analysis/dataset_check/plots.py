"""Plot a data set's box sizes and class counts."""
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mmmux.visualization.fonts import matplotlib_fonts

from .report import PartReport, Report

_BINS = 40
_MOST_NAMED = 60
_WIDE = 1000  # above this ratio of its ends, an axis has ticks at powers of ten only


def plot(report: Report, folder: Path) -> list[Path]:
    """Plot the box sizes and the class counts of a report.

    Args:
        report (Report): the report.
        folder (Path): folder to write into; it is created.

    Returns:
        list[Path]: the files written: `box_sizes.png` if there are boxes, `class_counts.png` if any class was counted.
    """
    folder.mkdir(parents=True, exist_ok=True)
    drawn = []
    if any(len(part.boxes) for part in report.parts):
        drawn.append(_plot_box_sizes([part for part in report.parts if len(part.boxes)], folder / 'box_sizes.png'))
    if any(part.counts.any() for part in report.parts):
        drawn.append(_plot_class_counts([part for part in report.parts if part.counts.any()], folder / 'class_counts.png'))
    return drawn


def _plot_box_sizes(parts: list[PartReport], path: Path) -> Path:
    figure = Figure(figsize=(11, 4), layout='constrained')
    labels = ('size: square root of the area, pixels of the picture', 'relative size: square root of the share of the picture')
    for column, (axes, label) in enumerate(zip(figure.subplots(1, 2), labels)):
        sizes = [part.boxes[:, column] for part in parts]
        lowest, highest = min(map(np.min, sizes)), max(map(np.max, sizes))
        # A minimum width of the axis, so that boxes of nearly equal size do not fill it.
        margin = max(1.02, 2 * np.sqrt(lowest / highest))
        edges = np.geomspace(lowest / margin, highest * margin, _BINS)
        for part, values in zip(parts, sizes):
            axes.hist(values, edges, weights=np.full(len(values), 100 / len(values)), histtype='step', linewidth=1.8,
                      label=f'{part.part.title}: {len(values):,} boxes, median {np.median(values):.3g}')
        axes.set(xscale='log', xlabel=label, ylabel='% of the boxes of a set')
        decades = np.arange(-5, 6).astype(float)
        steps = (1, 2, 5) if edges[-1] < _WIDE * edges[0] else (1, )
        ticks = [tick for tick in np.outer(10**decades, steps).ravel() if edges[0] <= tick <= edges[-1]]
        axes.set_xticks(ticks, [f'{tick:g}' for tick in ticks])
        axes.minorticks_off()
        axes.margins(y=0.2)
        axes.legend(fontsize=8, loc='upper left')
    figure.savefig(path, dpi=110)
    return path


def _plot_class_counts(parts: list[PartReport], path: Path) -> Path:
    names = list(dict.fromkeys(name for part in parts for name in part.layout.classes))
    counts = [[dict(zip(part.layout.classes, part.counts[1])).get(name, 0) for name in names] for part in parts]
    counted = parts[0].layout.COUNTED
    if len(names) > _MOST_NAMED:
        return _plot_ranks(parts, counts, counted, path)
    figure = Figure(figsize=(8, 1.2 + len(names) * (0.14 + 0.12 * len(parts))), layout='constrained')
    axes = figure.subplots()
    height = 0.8 / len(parts)
    rows = np.arange(len(names))
    for number, (part, values) in enumerate(zip(parts, counts)):
        bars = axes.barh(rows + (number - (len(parts) - 1) / 2) * height, values, height, label=part.part.title)
        axes.bar_label(bars, [f'{value:,}' for value in values], fontsize=7, padding=3)
    axes.set_yticks(rows, names)
    axes.invert_yaxis()  # first class and first data set at the top
    _count_axis(axes.set_xscale, axes.xaxis, counts)
    axes.margins(x=0.12, y=0.01)
    axes.set_xlabel(f'{counted} of each class')
    figure.legend(loc='outside upper center', fontsize=8, ncols=len(parts))
    with matplotlib_fonts(names):
        figure.savefig(path, dpi=110)
    return path


def _plot_ranks(parts: list[PartReport], counts: list[list[int]], counted: str, path: Path) -> Path:
    """Plot the counts in descending order, without class names, for data sets with too many classes to name."""
    figure = Figure(figsize=(8, 4), layout='constrained')
    axes = figure.subplots()
    for part, values in zip(parts, counts):
        axes.plot(np.arange(1, len(values) + 1), sorted(values, reverse=True), label=part.part.title)
    _count_axis(axes.set_yscale, axes.yaxis, counts)
    axes.set(xlabel='classes, from the most to the least frequent', ylabel=f'{counted} of a class')
    axes.legend(fontsize=8)
    figure.savefig(path, dpi=110)
    return path


def _count_axis(set_scale, axis, counts: list[list[int]]) -> None:
    """Make a count axis logarithmic above 0 if the largest count is more than 20 times the smallest."""
    positive = [value for values in counts for value in values if value]
    axis.set_major_locator(MaxNLocator(integer=True))
    if max(positive) > 20 * min(positive):
        set_scale('symlog', linthresh=10**int(np.log10(min(positive))), linscale=0.3)
    axis.set_major_formatter('{x:,.0f}')
