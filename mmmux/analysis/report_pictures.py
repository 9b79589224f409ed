"""Test pictures for a results page: labels and every model's predictions side by side."""
from pathlib import Path

import numpy as np
from mmengine.config import Config
from mmengine.registry import DATASETS, VISUALIZERS, init_default_scope
from PIL import Image, ImageDraw

from mmmux.apis.inferencer import Painter
from mmmux.config.load import classifies, segments
from mmmux.datasets.loading import read_picture
from mmmux.visualization.overlay import blend, legend
from mmmux.visualization.scores import with_scores

from .report import Run

_MARGIN = 20
_HEIGHT = 300


def paint(runs: list[Run], folder: Path, pictures: int, threshold: float) -> list[Path]:
    """Draw test pictures, spread evenly over the test set.

    Args:
        runs: the models; they share the test set of the first.
        folder: where the pictures go.
        pictures: how many.
        threshold: lowest score (0 to 1) of a detection that is drawn.

    Returns:
        list: the files written.
    """
    cfg = runs[0].cfg
    init_default_scope(cfg.default_scope)
    dataset = DATASETS.build(cfg.test_dataloader.dataset)
    painters: dict[str, Painter] = {}
    for run in runs:
        if run.name not in painters:  # of several seeds, the first
            painters[run.name] = Painter(run.cfg, run.checkpoint)
    columns = _class_columns if segments(cfg) else _score_columns if classifies(cfg) else _box_columns
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    chosen = min(pictures, len(dataset))
    for index in (number * len(dataset) // chosen for number in range(chosen)):
        sample = dataset[index]['data_samples']
        name = _class_and_name(dataset, sample, index) if classifies(cfg) else Path(sample.img_path).stem
        files.append(folder / f'{name}.jpg')
        _side_by_side(columns(cfg, dataset, sample, painters, threshold)).save(files[-1], quality=85)
    return files


def _box_columns(cfg: Config, dataset, sample, painters: dict[str, Painter], threshold: float) -> dict[str, Image.Image]:
    visualizer = VISUALIZERS.build(dict(cfg.visualizer, name='labels'))
    visualizer.dataset_meta = dataset.metainfo
    boxes = sample.gt_instances.bboxes
    sample.gt_instances.bboxes = getattr(boxes, 'tensor', boxes)  # mmdet's visualizer takes no box objects
    path = Path(sample.img_path)
    visualizer.add_datasample(path.name, read_picture(path, channel_order='rgb'), sample, draw_pred=False, show=False)
    columns = dict(labels=Image.fromarray(visualizer.get_image()))
    for name, painter in painters.items():
        columns[name] = painter.drawn(path, threshold)[0]
    return columns


def _class_columns(cfg: Config, dataset, sample, painters: dict[str, Painter], _) -> dict[str, Image.Image]:
    image = read_picture(sample.img_path, channel_order='rgb')
    labels = sample.gt_sem_seg.data.squeeze(0).numpy()
    classes, palette = dataset.metainfo['classes'], dataset.metainfo['palette']
    maps = dict(labels=labels)
    for name, painter in painters.items():
        maps[name] = painter.predict(sample.img_path).pred_sem_seg.data.squeeze(0).cpu().numpy()
    columns = dict(picture=Image.fromarray(image), **{name: blend(image, seen, palette) for name, seen in maps.items()})
    columns['classes'] = legend(np.stack(list(maps.values())), classes, palette, with_shares=False)
    return columns


def _score_columns(cfg: Config, dataset, sample, painters: dict[str, Painter], _) -> dict[str, Image.Image]:
    picture = sample.get('img_path')
    if picture is None:  # CIFAR's batches hold pictures, not files
        picture = dataset.get_data_info(sample.sample_idx)['img']
    image = picture if isinstance(picture, np.ndarray) else read_picture(picture, channel_order='rgb')
    return {name: with_scores(image, painter.predict(picture).pred_score.cpu().numpy(), dataset.metainfo['classes'],
                              sample.gt_label.tolist()) for name, painter in painters.items()}


def _class_and_name(dataset, sample, index: int) -> str:
    # Folders of classes may hold pictures of the same name; CIFAR's have none, and some chests have no finding.
    classes = '-'.join(dataset.metainfo['classes'][label] for label in sample.gt_label) or 'none'
    return f'{classes}-{Path(sample.img_path).stem if "img_path" in sample else index}'


def _side_by_side(columns: dict[str, Image.Image]) -> Image.Image:
    parts = []
    tallest = max(_HEIGHT, columns['classes'].height if 'classes' in columns else 0)
    for title, image in columns.items():
        if title != 'classes':  # a legend is not shrunk
            image = image.resize((round(image.width * _HEIGHT / image.height), _HEIGHT), Image.Resampling.LANCZOS)
        column = Image.new('RGB', (image.width + 4, tallest + _MARGIN), 'white')
        column.paste(image, (2, _MARGIN))
        ImageDraw.Draw(column).text((4, 3), title, fill='black', font_size=13)
        parts.append(np.asarray(column))
    return Image.fromarray(np.hstack(parts))
