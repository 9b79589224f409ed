"""Write a results page for models trained on the same data, with a table, curves and test images."""
import json
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median

from mmengine.config import Config

from mmmux.config.load import load_config
from mmmux.utils.atomic_write import write_json
from mmmux.utils.errors import DatasetError
from mmmux.utils.machine import MACHINE_FILE, METRICS_FILE, describe_machine

from .complexity import input_shape, model_complexity
from .curves import Curves, plot_curves, read_curves
from .results import Results


@dataclass(frozen=True)
class Run:
    """One training and test of a model.

    Attributes:
        name: name on the page; runs of one config with different seeds share it.
        config: the config file.
        work_dir: the work dir of both `tools/train.py` and `tools/test.py`.
    """
    name: str
    config: Path
    work_dir: Path

    @property
    def cfg(self) -> Config:
        """The config of the training. The config file in the work dir itself is the test's, which may have other options."""
        saved = sorted(self.work_dir.glob('*/vis_data/config.py')) or sorted(self.work_dir.glob('*.py'))
        return load_config(saved[0] if saved else self.config)

    @property
    def checkpoint(self) -> str:
        """The path of the training's last checkpoint."""
        return str(self.work_dir / Path((self.work_dir / 'last_checkpoint').read_text().strip()).name)

    @property
    def metrics(self) -> dict:
        """The metrics of the test, by name.

        Raises:
            DatasetError: the model was not tested.
        """
        path = self.work_dir / METRICS_FILE
        if not path.is_file():
            raise DatasetError(f'{path} does not exist: test {self.name} with tools/test.py --work-dir {self.work_dir} first')
        return json.loads(path.read_text())

    @property
    def machine(self) -> dict:
        """The machine and the package versions of the training.

        Raises:
            DatasetError: the model was not trained with `tools/train.py`.
        """
        path = self.work_dir / MACHINE_FILE
        if not path.is_file():
            raise DatasetError(f'{path} does not exist: train {self.name} with tools/train.py, which writes it')
        return json.loads(path.read_text())


def collect(runs: list[Run]) -> tuple[dict, dict[str, Curves]]:
    """Collect the numbers and the curves of a page.

    Args:
        runs (list[Run]): the runs.

    Returns:
        tuple[dict, dict[str, Curves]]: the numbers, which can be written as JSON, and the curves by legend entry.

    Raises:
        DatasetError: a run was not trained or not tested.
    """
    curves, rows = {}, []
    for run in runs:
        cfg = run.cfg
        seed = (cfg.get('randomness') or {}).get('seed', 'random')
        several = sum(other.name == run.name for other in runs) > 1
        own = read_curves(run.work_dir)
        curves[f'{run.name}, seed {seed}' if several else run.name] = own
        height, width = input_shape(cfg)
        complexity = model_complexity(cfg, height, width)['total']
        seconds = median(value for _, value in own.train['time'])
        epochs = cfg.train_cfg.get('max_epochs')
        iterations = round(own.iterations_per_epoch * epochs) if epochs else cfg.train_cfg.max_iters
        rows.append(dict(
            name=run.name, config=run.config.name, seed=seed, epochs=epochs,
            batch=cfg.train_dataloader.batch_size, size=[height, width], params=complexity.params, macs=complexity.macs,
            seconds_per_iteration=round(seconds, 3), iterations=iterations, minutes=round(seconds * iterations / 60, 1),
            machine=run.machine, metrics=run.metrics))
    return dict(describe_machine(), runs=rows), curves


@dataclass(frozen=True)
class Page:
    """The content of a results page.

    Attributes:
        title: heading.
        text: introduction, in Markdown.
        results: the metrics of the task.
        data: numbers from :func:`collect`, and `command`, the command that writes the page.
        curves: curves from :func:`collect`.
        pictures: test images to show, in or below the folder of the page.
    """
    title: str
    text: str
    results: Results
    data: dict
    curves: dict[str, Curves]
    pictures: list[Path]


def write_page(page: Page, out_file: Path) -> None:
    """Write the page (Markdown), its data (JSON) and its curves (PNG) with the same stem into one folder.

    Args:
        page (Page): the content.
        out_file (Path): the Markdown file to write.
    """
    data, results = page.data, page.results
    write_json(out_file.with_suffix('.json'), data)
    curves_file = out_file.with_suffix('.png')
    plot_curves(page.curves, results.metric, curves_file)
    drawn = '\n\n'.join(f'![{picture.stem}]({picture.relative_to(out_file.parent)})' for picture in page.pictures)
    parts = [results_table(data['runs'], results), _by_class(data['runs'], results), _conditions(data, results)]
    tables = '\n\n'.join(part for part in parts if part)
    out_file.write_text(f"""# {page.title}

{page.text.strip()}

{tables}

## Curves

![Training loss and {results.metric.split('/')[-1]}]({curves_file.name})

## Test pictures

{drawn}

The numbers are in [{out_file.stem}.json]({out_file.stem}.json); this page was written by `{data["command"]}`.
""")


def _by_name(rows: list[dict]) -> dict[str, list[dict]]:
    return {row['name']: [other for other in rows if other['name'] == row['name']] for row in rows}


def results_table(rows: list[dict], results: Results) -> str:
    """Return a Markdown table of scores, costs and training times.

    Scores of several seeds are shown as mean (lowest to highest), and the time as the median.

    Args:
        rows (list[dict]): the `runs` of :func:`collect`.
        results (Results): the metrics of the task.
    """
    head = ['', *results.columns, 'parameters', 'multiply-adds', 'training']
    lines = []
    for name, seeds in _by_name(rows).items():
        scores = [_number([row['metrics'][metric] for row in seeds], results.digits) for metric in results.columns.values()]
        lines.append([f'{name}, {len(seeds)} seeds' if len(seeds) > 1 else name, *scores, f'{seeds[0]["params"] / 1e6:.2f} M',
                      f'{seeds[0]["macs"] / 1e9:.3f} G', _minutes(median(row['minutes'] for row in seeds))])
    return _table(head, lines)


def _minutes(minutes: float) -> str:
    return f'{minutes:.0f} min' if minutes >= 1 else f'{60 * minutes:.0f} s'


def _by_class(rows: list[dict], results: Results) -> str:
    if not results.by_class:
        return ''
    metrics = [name for name in rows[0]['metrics'] if name.startswith(results.by_class) and name != results.metric]
    names = _by_name(rows)
    lines = [[metric.removeprefix(results.by_class),
              *(_number([row['metrics'][metric] for row in seeds if metric in row['metrics']], results.digits)
                for seeds in names.values())] for metric in metrics]
    return _table([results.class_heading, *names], lines) if metrics else ''


def _number(values: list[float], digits: int) -> str:
    """Format one value, or several different ones as mean (lowest to highest); '-' for none; None stands for none."""
    values = [value for value in values if value is not None]
    if len(set(values)) > 1:
        return f'{mean(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})'
    return f'{values[0]:.{digits}f}' if values else '-'


def _table(head: list[str], lines: list[list[str]]) -> str:
    return '\n'.join('| ' + ' | '.join(cells) + ' |' for cells in [head, ['---'] * len(head), *lines])


def _conditions(data: dict, results: Results) -> str:
    first = data['runs'][0]
    configs = ', '.join(f'`{name}`' for name in dict.fromkeys(row['config'] for row in data['runs']))
    seeds = sorted({row['seed'] for row in data['runs']}, key=lambda seed: (isinstance(seed, str), seed))
    seeds = f'seed {seeds[0]}' if len(seeds) == 1 else f'seeds {", ".join(map(str, seeds))}'
    machine = first['machine']
    versions = ', '.join(f'{name} {found}' for name, found in machine['versions'].items())
    length = f'{first["epochs"]} epochs' if first['epochs'] else f'{first["iterations"]} iterations'
    return (f'Configs {configs}; {length}, batch {first["batch"]}, {seeds}; multiply-adds at {first["size"][1]} x '
            f'{first["size"][0]} pixels. {results.explained} Training time is the median time of an iteration '
            f'times their number, on {machine["gpu"] or machine["processor"]}, {machine["threads"]} threads '
            f'({machine["system"]}, Python {machine["python"]}, {versions}; {machine["date"]}).')
