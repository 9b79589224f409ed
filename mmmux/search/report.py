"""Write the results of a search so far as files: a table of all evaluations, the front, and the hypervolume by generation."""
import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from .front import front
from .generations import GENERATIONS_FILE
from .journal import Evaluation
from .prediction import measured

CSV_FILE, FRONT_FILE, HYPERVOLUME_FILE = 'evaluations.csv', 'front.png', 'hypervolume.png'


def write_report(evaluations: Sequence[Evaluation], objectives: Sequence[str], folder: str | Path) -> None:
    """Write `evaluations.csv` and, if there are results, `front.png` and `hypervolume.png`; earlier files are replaced.

    Args:
        evaluations (Sequence[Evaluation]): All evaluations so far, in the order of (generation, index).
        objectives (Sequence[str]): Names of the search's objectives.
        folder (str | Path): Work dir of the search, with the records of :class:`mmmux.search.generations.Generations`.
    """
    folder = Path(folder)
    good = [evaluation for evaluation in evaluations if evaluation.done]
    best = [good[index] for index in front(measured(good, objectives))]
    _write_csv(evaluations, best, folder / CSV_FILE)
    if good:
        _plot_front(good, best, folder / FRONT_FILE)
        _plot_generations(json.loads((folder / GENERATIONS_FILE).read_text()), folder / HYPERVOLUME_FILE)


def _write_csv(evaluations: Sequence[Evaluation], best: Sequence[Evaluation], path: Path) -> None:
    places = {(evaluation.generation, evaluation.index) for evaluation in best}
    with open(path, 'w', newline='') as file:
        names = [name for name in Evaluation.__dataclass_fields__ if name != 'genome']
        writer = csv.DictWriter(file, [*names, 'front', 'genome'])
        writer.writeheader()
        for evaluation in evaluations:
            on_front = (evaluation.generation, evaluation.index) in places
            genome = ' '.join(map(str, evaluation.genome))
            writer.writerow({**asdict(evaluation), 'front': 'yes' if on_front else '', 'genome': genome})


def _plot_front(good: Sequence[Evaluation], best: Sequence[Evaluation], path: Path) -> None:
    from matplotlib.figure import Figure  # not pyplot, whose choice of a backend holds for the whole process
    figure = Figure(figsize=(7, 4.6), layout='constrained')
    axes = figure.subplots()
    params = [evaluation.params / 1e6 for evaluation in good]
    colours = dict(cmap='viridis', vmin=min(params), vmax=max(params))
    others = [evaluation for evaluation in good if evaluation not in best]
    axes.scatter(**_points(others), s=22, alpha=0.35, linewidths=0, label='evaluated', **colours)
    marked = axes.scatter(**_points(best), s=64, edgecolors='black', linewidths=1.2, label='front', zorder=3, **colours)
    figure.colorbar(marked, label='parameters (M)')
    axes.set(xlabel='multiply-adds (M)', ylabel='error')
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=110)


def _points(evaluations: Sequence[Evaluation]) -> dict[str, list[float]]:
    return dict(x=[evaluation.macs / 1e6 for evaluation in evaluations], y=[evaluation.error for evaluation in evaluations],
                c=[evaluation.params / 1e6 for evaluation in evaluations])


def _plot_generations(records: Sequence[Mapping], path: Path) -> None:
    from matplotlib.figure import Figure
    figure = Figure(figsize=(10, 3.6), layout='constrained')
    left, right = figure.subplots(1, 2)
    for axes, names, label in ((left, dict(hypervolume='hypervolume'), 'hypervolume'),
                               (right, dict(spearman_so_far='Spearman', kendall_so_far='Kendall'),
                                'rank correlation of predicted\nand found errors, so far')):
        for name, legend in names.items():
            points = [(record['evaluations'], record[name]) for record in records if record[name] is not None]
            if points:
                axes.plot(*zip(*points), marker='o', markersize=3, label=legend)
        axes.set(xlabel='evaluations', ylabel=label, xlim=(0, None))
        axes.grid(alpha=0.3)
    if right.lines:
        right.legend()
    figure.savefig(path, dpi=110)
