"""A results page for detectors trained on the same data: numbers from their logs, curves, and pictures."""
import json
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import mmcv
import numpy as np
from mmengine.config import Config
from mmengine.registry import VISUALIZERS, init_default_scope
from PIL import Image, ImageDraw

from mmmux.engine.machine import describe_machine
from mmmux.engine.predict import Painter
from mmmux.engine.run import MACHINE_FILE, METRICS_FILE
from mmmux.engine.settings import load_config
from mmmux.errors import DatasetError

from .complexity import input_shape, model_complexity
from .curves import Curves, plot_curves, read_curves

METRIC = 'pascal_voc/mAP'
_CLASS_PREFIX = 'pascal_voc/AP50/'
_MARGIN = 20


@dataclass(frozen=True)
class Run:
    """A detector that was trained and tested.

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
        iterations = round(curves[run.name].iterations_per_epoch * cfg.train_cfg.max_epochs)
        rows.append(dict(
            name=run.name, config=run.config.name, seed=cfg.randomness.seed, epochs=cfg.train_cfg.max_epochs,
            batch=cfg.train_dataloader.batch_size, size=[height, width], params=complexity.params, macs=complexity.macs,
            seconds_per_iteration=round(seconds, 3), iterations=iterations, minutes=round(seconds * iterations / 60, 1),
            machine=run.machine, metrics=run.metrics))
    return dict(describe_machine(), runs=rows), curves


def paint(runs: list[Run], folder: Path, pictures: int, threshold: float) -> list[Path]:
    """Draw the labels and every run's detections side by side for the first test pictures.

    Args:
        runs: the detectors; they share the test set of the first.
        folder: where the pictures go.
        pictures: how many.
        threshold: lowest score (0 to 1) that is drawn.

    Returns:
        list: the files written.
    """
    from mmdet.registry import DATASETS
    cfg = runs[0].cfg
    init_default_scope('mmdet')
    dataset = DATASETS.build(cfg.test_dataloader.dataset)
    painters = [Painter(run.cfg, run.checkpoint) for run in runs]
    labels = VISUALIZERS.build(dict(cfg.visualizer, name='labels'))
    labels.dataset_meta = dataset.metainfo
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for index in range(min(pictures, len(dataset))):
        sample = dataset[index]['data_samples']
        boxes = sample.gt_instances.bboxes
        sample.gt_instances.bboxes = getattr(boxes, 'tensor', boxes)  # mmdet's visualizer takes no box objects
        path = Path(sample.img_path)
        parts = [folder / f'{path.stem}.part{number}.png' for number in range(len(runs) + 1)]
        labels.add_datasample(path.name, mmcv.imread(path, channel_order='rgb'), sample, draw_pred=False, show=False,
                              out_file=str(parts[0]))
        for painter, part in zip(painters, parts[1:]):
            painter.draw(path, part, threshold)
        files.append(folder / f'{path.stem}.jpg')
        _side_by_side(parts, ['labels', *(run.name for run in runs)]).save(files[-1], quality=85)
        for part in parts:
            part.unlink()
    return files


def _side_by_side(parts: list[Path], titles: list[str], height: int = 300) -> Image.Image:
    columns = []
    for part, title in zip(parts, titles):
        with Image.open(part) as opened:
            image = opened.convert('RGB')
        image = image.resize((round(image.width * height / image.height), height), Image.Resampling.LANCZOS)
        column = Image.new('RGB', (image.width + 4, height + _MARGIN), 'white')
        column.paste(image, (2, _MARGIN))
        ImageDraw.Draw(column).text((4, 3), title, fill='black', font_size=13)
        columns.append(np.asarray(column))
    return Image.fromarray(np.hstack(columns))


def write_page(title: str, text: str, data: dict, curves: dict[str, Curves], pictures: list[Path], out_file: Path) -> None:
    """Write the page (Markdown), its data (JSON, same name) and its curves (PNG, same name) beside each other."""
    out_file.parent.mkdir(parents=True, exist_ok=True)
    out_file.with_suffix('.json').write_text(json.dumps(data, indent=2) + '\n')
    curves_file = out_file.with_suffix('.png')
    plot_curves(curves, METRIC, curves_file)
    drawn = '\n\n'.join(f'![{picture.stem}]({picture.relative_to(out_file.parent)})' for picture in pictures)
    out_file.write_text(f"""# {title}

{text.strip()}

{_table(data["runs"])}

{_conditions(data)}

## Curves

![Training loss and mAP by epoch]({curves_file.name})

## Test pictures

{drawn}

The numbers are in [{out_file.stem}.json]({out_file.stem}.json); this page was written by `{data["command"]}`.
""")


def _table(rows: list[dict]) -> str:
    classes = [name.removeprefix(_CLASS_PREFIX) for name in rows[0]['metrics'] if name.startswith(_CLASS_PREFIX)]
    head = ['', 'mAP', *(f'AP {name}' for name in classes), 'parameters', 'multiply-adds', 'training']
    lines = [head, ['---'] * len(head)]
    for row in rows:
        aps = [row['metrics'][METRIC], *(row['metrics'][_CLASS_PREFIX + name] for name in classes)]
        lines.append([row['name'], *(f'{ap:.3f}' for ap in aps), f'{row["params"] / 1e6:.2f} M', f'{row["macs"] / 1e9:.3f} G',
                      f'{row["minutes"]:.0f} min'])
    return '\n'.join('| ' + ' | '.join(cells) + ' |' for cells in lines)


def _conditions(data: dict) -> str:
    first = data['runs'][0]
    configs = ', '.join(f'`{row["config"]}`' for row in data['runs'])
    machine = first['machine']
    versions = ', '.join(f'{name} {found}' for name, found in machine['versions'].items())
    return (f'Configs {configs}; {first["epochs"]} epochs, batch {first["batch"]}, {first["size"][1]} x {first["size"][0]} '
            f'pixels, seed {first["seed"]}. Average precision at IoU 0.5. Training time is the median time of an iteration '
            f'times their number, on {machine["gpu"] or machine["processor"]}, {machine["threads"]} threads '
            f'({machine["system"]}, Python {machine["python"]}, {versions}; {machine["date"]}).')
