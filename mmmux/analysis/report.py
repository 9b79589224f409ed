"""A results page for models trained on the same data: numbers from their logs, curves, and pictures."""
import json
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from mmengine.config import Config

from mmmux.engine.machine import describe_machine
from mmmux.engine.run import MACHINE_FILE, METRICS_FILE
from mmmux.engine.settings import load_config, segments
from mmmux.errors import DatasetError

from .complexity import input_shape, model_complexity
from .curves import Curves, plot_curves, read_curves


@dataclass(frozen=True)
class Task:
    """How the results of a task are told.

    Attributes:
        metric: the one that counts, as the evaluator calls it.
        columns: heading and metric of each column of the first table.
        by_class: what the names of metrics by class begin with.
        class_heading: what these are.
        digits: after the point.
        explained: a sentence on the metrics.
    """
    metric: str
    columns: dict[str, str]
    by_class: str
    class_heading: str
    digits: int
    explained: str


DETECTION = Task('pascal_voc/mAP', {'mAP': 'pascal_voc/mAP'}, 'pascal_voc/AP50/', 'AP', 3, 'Average precision at IoU 0.5.')
SEGMENTATION = Task('mIoU', {'mIoU': 'mIoU', 'pixel accuracy': 'aAcc', 'mean accuracy': 'mAcc'}, 'IoU/', 'IoU', 2,
                    'IoU and accuracy in percent, at one scale.')


def task_of(cfg: Config) -> Task:
    """The task of a config's model."""
    return SEGMENTATION if segments(cfg) else DETECTION


@dataclass(frozen=True)
class Run:
    """A model that was trained and tested.

    Attributes:
        name: how the page calls it.
        config: its config file.
        work_dir: where `tools/train.py` and `tools/test.py` left their results.
    """
    name: str
    config: Path
    work_dir: Path

    @property
    def cfg(self) -> Config:
        """The config that was really run, as the training wrote it."""
        saved = sorted(self.work_dir.glob('*.py'))
        return load_config(saved[0] if saved else self.config)

    @property
    def checkpoint(self) -> str:
        """The last checkpoint of the training."""
        return str(self.work_dir / Path((self.work_dir / 'last_checkpoint').read_text().strip()).name)

    @property
    def metrics(self) -> dict:
        """What the test measured."""
        path = self.work_dir / METRICS_FILE
        if not path.is_file():
            raise DatasetError(f'{path} does not exist: test {self.name} with tools/test.py --work-dir {self.work_dir} first')
        return json.loads(path.read_text())

    @property
    def machine(self) -> dict:
        """What it was trained on."""
        path = self.work_dir / MACHINE_FILE
        if not path.is_file():
            raise DatasetError(f'{path} does not exist: train {self.name} with tools/train.py, which writes it')
        return json.loads(path.read_text())


def collect(runs: list[Run]) -> tuple[dict, dict[str, Curves]]:
    """Everything the page tells, as plain data, and the curves.

    Raises:
        DatasetError: a run was not trained or not tested.
    """
    curves = {run.name: read_curves(run.work_dir) for run in runs}
    rows = []
    for run in runs:
        cfg = run.cfg
        height, width = input_shape(cfg)
        complexity = model_complexity(cfg, height, width)['total']
        seconds = median(value for _, value in curves[run.name].train['time'])
        epochs = cfg.train_cfg.get('max_epochs')
        iterations = round(curves[run.name].iterations_per_epoch * epochs) if epochs else cfg.train_cfg.max_iters
        rows.append(dict(
            name=run.name, config=run.config.name, seed=cfg.randomness.seed, epochs=epochs,
            batch=cfg.train_dataloader.batch_size, size=[height, width], params=complexity.params, macs=complexity.macs,
            seconds_per_iteration=round(seconds, 3), iterations=iterations, minutes=round(seconds * iterations / 60, 1),
            machine=run.machine, metrics=run.metrics))
    return dict(describe_machine(), runs=rows), curves


def write_page(title: str, text: str, task: Task, data: dict, curves: dict[str, Curves], pictures: list[Path],
               out_file: Path) -> None:
    """Write the page (Markdown), its data (JSON, same name) and its curves (PNG, same name) beside each other."""
    out_file.parent.mkdir(parents=True, exist_ok=True)
    out_file.with_suffix('.json').write_text(json.dumps(data, indent=2) + '\n')
    curves_file = out_file.with_suffix('.png')
    plot_curves(curves, task.metric, curves_file)
    drawn = '\n\n'.join(f'![{picture.stem}]({picture.relative_to(out_file.parent)})' for picture in pictures)
    out_file.write_text(f"""# {title}

{text.strip()}

{_results(data["runs"], task)}

{_by_class(data["runs"], task)}

{_conditions(data, task)}

## Curves

![Training loss and {task.metric.split('/')[-1]}]({curves_file.name})

## Test pictures

{drawn}

The numbers are in [{out_file.stem}.json]({out_file.stem}.json); this page was written by `{data["command"]}`.
""")


def _results(rows: list[dict], task: Task) -> str:
    head = ['', *task.columns, 'parameters', 'multiply-adds', 'training']
    lines = [[row['name'], *(f'{row["metrics"][metric]:.{task.digits}f}' for metric in task.columns.values()),
              f'{row["params"] / 1e6:.2f} M', f'{row["macs"] / 1e9:.3f} G', f'{row["minutes"]:.0f} min'] for row in rows]
    return _table(head, lines)


def _by_class(rows: list[dict], task: Task) -> str:
    metrics = [name for name in rows[0]['metrics'] if name.startswith(task.by_class)]
    lines = [[name.removeprefix(task.by_class), *(_number(row['metrics'].get(name), task.digits) for row in rows)]
             for name in metrics]
    return _table([task.class_heading, *(row['name'] for row in rows)], lines)


def _number(value: float | None, digits: int) -> str:
    return '-' if value is None else f'{value:.{digits}f}'


def _table(head: list[str], lines: list[list[str]]) -> str:
    return '\n'.join('| ' + ' | '.join(cells) + ' |' for cells in [head, ['---'] * len(head), *lines])


def _conditions(data: dict, task: Task) -> str:
    first = data['runs'][0]
    configs = ', '.join(f'`{row["config"]}`' for row in data['runs'])
    machine = first['machine']
    versions = ', '.join(f'{name} {found}' for name, found in machine['versions'].items())
    length = f'{first["epochs"]} epochs' if first['epochs'] else f'{first["iterations"]} iterations'
    return (f'Configs {configs}; {length}, batch {first["batch"]}, seed {first["seed"]}; multiply-adds at {first["size"][1]} x '
            f'{first["size"][0]} pixels. {task.explained} Training time is the median time of an iteration '
            f'times their number, on {machine["gpu"] or machine["processor"]}, {machine["threads"]} threads '
            f'({machine["system"]}, Python {machine["python"]}, {versions}; {machine["date"]}).')
