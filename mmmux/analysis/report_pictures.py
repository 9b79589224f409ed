"""Draw test images for `tools/analysis_tools/report.py`, with the labels and each model's predictions side by side."""
from collections.abc import Callable
from pathlib import Path

import numpy as np
from mmengine.registry import DATASETS, init_default_scope
from PIL import Image, ImageDraw

from mmmux.config.careful_loaders import with_careful_loaders

from .report import Run

_MARGIN = 20
_HEIGHT = 300


def paint(runs: list[Run], folder: Path, pictures: int, threshold: float, load: Callable) -> list[Path]:
    """Draw test images, evenly spaced over the test set.

    Args:
        runs (list[Run]): the models; all are applied to the test set of the first.
        folder (Path): folder to write into; it is created.
        pictures (int): number of images.
        threshold (float): lowest score of a detection to draw, 0 to 1.
        load (Callable): builds a :class:`mmmux.apis.Inferencer` from a config and a checkpoint.

    Returns:
        list[Path]: the files written.
    """
    cfg = runs[0].cfg
    init_default_scope(cfg.get('default_scope', 'mmengine'))
    dataset = DATASETS.build(with_careful_loaders(cfg.test_dataloader).dataset)
    models = {}
    for run in runs:
        if run.name not in models:  # the first of several seeds
            models[run.name] = load(run.cfg, run.checkpoint)
    task = models[runs[0].name].task
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    chosen = min(pictures, len(dataset))
    for index in (number * len(dataset) // chosen for number in range(chosen)):
        sample = dataset[index]['data_samples']
        file = folder / f'{task.picture_name(dataset, sample, index)}.jpg'
        if file in files:  # a picture of the same name in another folder
            file = file.with_stem(f'{file.stem}-{index}')
        files.append(file)
        _side_by_side(task.columns(dataset, sample, models, threshold)).save(files[-1], quality=85)
    return files


def _side_by_side(columns: dict[str, Image.Image]) -> Image.Image:
    parts = []
    tallest = max(_HEIGHT, columns['classes'].height if 'classes' in columns else 0)
    for title, image in columns.items():
        if title != 'classes':  # the legend keeps its size
            image = image.resize((round(image.width * _HEIGHT / image.height), _HEIGHT), Image.Resampling.LANCZOS)
        column = Image.new('RGB', (image.width + 4, tallest + _MARGIN), 'white')
        column.paste(image, (2, _MARGIN))
        ImageDraw.Draw(column).text((4, 3), title, fill='black', font_size=13)
        parts.append(np.asarray(column))
    return Image.fromarray(np.hstack(parts))
