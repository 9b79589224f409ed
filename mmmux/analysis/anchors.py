"""Measure how well a detector's anchors overlap its training boxes, and fit better anchor sizes."""
from dataclasses import dataclass, replace

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import Tensor
from tqdm import tqdm

from mmmux.models.feature_maps import Size, feature_map_sizes
from mmmux.utils.errors import ConfigError, DatasetError

_STEPS = (0.7, 0.8, 0.9, 0.95, 1.05, 1.1, 1.25, 1.4)
_SMALLEST_GROWTH = 1.05
_FIT_BOXES_PER_CLASS = 300


@dataclass(frozen=True)
class TrainingBoxes:
    """Training boxes after the augmentation of the training pipeline.

    Attributes:
        corners: (n, 4), x1, y1, x2, y2 in pixels of the network's input.
        labels: (n, ), class numbers.
        classes: class names, by class number.
        input_size: (width, height) of the network's input in pixels.
        maps: (width, height) of the feature map of each level, in cells. Default: None, which means that the anchors of each
            level cover the input at its stride.
    """
    corners: Tensor
    labels: Tensor
    classes: tuple[str, ...]
    input_size: tuple[int, int]
    maps: list[Size] | None = None

    @property
    def sizes(self) -> Tensor:
        """The square root of each box's area in pixels, (n, )."""
        w, h = (self.corners[:, 2:] - self.corners[:, :2]).clamp(min=0).unbind(1)
        return (w * h).sqrt()


def training_boxes(cfg: Config, max_pictures: int, seed: int = 0) -> TrainingBoxes:
    """Run random training images through the config's training pipeline, and collect their boxes.

    Args:
        cfg (Config): config of a detector.
        max_pictures (int): number of images to draw, without repetition; all if the data set has fewer.
        seed (int): seed of numpy's global generator, which mmdet's augmentation uses too. Default: 0.

    Raises:
        DatasetError: the images have no boxes.
    """
    from mmdet.registry import DATASETS
    init_default_scope(cfg.get('default_scope', 'mmdet'))
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    np.random.seed(seed)  # mmdet's augmentation uses numpy's global generator
    chosen = np.random.permutation(len(dataset))[:max_pictures]
    corners, labels, input_size = [], [], None
    for index in tqdm(chosen.tolist(), desc='reading', unit='picture', disable=None):
        sample = dataset[index]['data_samples']
        instances = sample.gt_instances
        corners.append(torch.as_tensor(getattr(instances.bboxes, 'tensor', instances.bboxes)).float())
        labels.append(torch.as_tensor(instances.labels))
        input_size = sample.img_shape[1], sample.img_shape[0]
    if not sum(len(part) for part in corners):
        raise DatasetError(f'none of the {len(chosen)} training pictures that were read has a box: correct '
                           'train_dataloader.dataset')
    return TrainingBoxes(torch.cat(corners), torch.cat(labels), tuple(dataset.metainfo['classes']), input_size)


def with_feature_maps(boxes: TrainingBoxes, cfg: Config) -> TrainingBoxes:
    """Add the sizes of the detector's real feature maps to training boxes.

    Args:
        boxes (TrainingBoxes): the training boxes.
        cfg (Config): config of the detector.

    Raises:
        ConfigError: the anchor generator has another number of levels than the detector.
    """
    from mmdet.registry import MODELS
    maps = feature_map_sizes(MODELS.build(cfg.model), boxes.input_size)
    strides = cfg.model.bbox_head.anchor_generator.strides
    if len(strides) != len(maps):
        raise ConfigError(f'model.bbox_head.anchor_generator.strides has {len(strides)} levels, {list(strides)}, and the '
                          f'detector has {len(maps)} feature maps: give a stride for each')
    return replace(boxes, maps=maps)


def anchors(generator_cfg: dict, input_size: tuple[int, int], maps: list[Size] | None = None) -> list[Tensor]:
    """Generate all anchors for an input size.

    Args:
        generator_cfg (dict): config of an mmdet anchor generator.
        input_size (tuple[int, int]): (width, height) of the input in pixels.
        maps (list[tuple[int, int]], optional): (width, height) of the feature map of each level, in cells. Default: None,
            which means as many cells as cover the input at the level's stride.

    Returns:
        list[Tensor]: for each level the anchors (n, 4), x1, y1, x2, y2 in pixels.
    """
    from mmdet.registry import TASK_UTILS
    generator = TASK_UTILS.build(dict(generator_cfg, _scope_='mmdet'))
    width, height = input_size
    grids = [(down, across) for across, down in maps] if maps else [(-(-height // h), -(-width // w))
                                                                    for w, h in generator.strides]
    return generator.grid_priors(grids, device='cpu')


def best_overlaps(boxes: Tensor, levels: list[Tensor]) -> Tensor:
    """Return the largest intersection over union of each box with any anchor.

    Args:
        boxes (Tensor): (n, 4), x1, y1, x2, y2 in pixels.
        levels (list[Tensor]): the anchors of each level, as :func:`anchors` returns them.

    Returns:
        Tensor: (n, ), 0 to 1.
    """
    from mmdet.structures.bbox import bbox_overlaps
    every = torch.cat(levels)
    return torch.cat([bbox_overlaps(part, every).amax(1) for part in boxes.split(256)])


def unmatched_by_class(boxes: TrainingBoxes, overlaps: Tensor, threshold: float) -> list[dict]:
    """Count, for each class, the boxes whose best overlap is below a threshold.

    Args:
        boxes (TrainingBoxes): n boxes.
        overlaps (Tensor): (n, ), the result of :func:`best_overlaps`.
        threshold (float): the overlap that a match needs, 0 to 1.

    Returns:
        list[dict]: for each class `name`, `boxes`, `unmatched` (counts), and `sizes` and `unmatched_sizes`: the 5 %, 50 % and
        95 % quantiles of the square root of the box area in pixels, empty if there are no boxes.
    """
    rows = []
    for label, name in enumerate(boxes.classes):
        mine = boxes.labels == label
        missed = mine & (overlaps < threshold)
        row = dict(name=name, boxes=int(mine.sum()), unmatched=int(missed.sum()))
        for key, which in (('sizes', mine), ('unmatched_sizes', missed)):
            sizes = boxes.sizes[which]
            row[key] = [round(float(size), 1) for size in sizes.quantile(torch.tensor([0.05, 0.5, 0.95]))] \
                if len(sizes) else []
        rows.append(row)
    return rows


def fit_sizes(boxes: TrainingBoxes, generator_cfg: dict, seed: int = 0) -> dict:
    """Fit `min_sizes` and `max_sizes` of an SSDAnchorGenerator to training boxes; strides and ratios stay the same.

    Coordinate descent, which starts from evenly spaced quantiles of the box sizes, maximises the mean over the classes of the
    mean best overlap. The overlap is computed on the real grid of anchors, so that a size too small for its stride scores
    low. Sizes increase from level to level.

    Args:
        boxes (TrainingBoxes): the training boxes.
        generator_cfg (dict): config of the anchor generator.
        seed (int): seed of the sample of boxes, at most 300 of each class. Default: 0.

    Returns:
        dict: `generator_cfg` with new sizes in pixels.

    Raises:
        ConfigError: the generator is not an SSDAnchorGenerator with explicit sizes.
    """
    if str(generator_cfg.get('type', '')).split('.')[-1] != 'SSDAnchorGenerator' or 'min_sizes' not in generator_cfg:
        raise ConfigError('model.bbox_head.anchor_generator must be an SSDAnchorGenerator with min_sizes and max_sizes, got '
                          f'{dict(generator_cfg)}')
    sample = _balanced(boxes, seed)
    levels = len(generator_cfg['strides'])
    sizes = _growing(sample.sizes.quantile(torch.linspace(0.02, 0.98, levels + 1)).tolist())
    score = _score(sample, generator_cfg, sizes)
    improved = True
    while improved:
        improved = False
        for position in range(levels + 1):
            for step in _STEPS:
                trial = _growing([size * step if index == position else size for index, size in enumerate(sizes)])
                trial_score = _score(sample, generator_cfg, trial)
                if trial_score > score + 1e-4:
                    sizes, score, improved = trial, trial_score, True
    return _with_sizes(generator_cfg, sizes)


def _balanced(boxes: TrainingBoxes, seed: int) -> TrainingBoxes:
    generator = torch.Generator().manual_seed(seed)
    kept = []
    for label in boxes.labels.unique():
        mine = (boxes.labels == label).nonzero()[:, 0]
        kept.append(mine[torch.randperm(len(mine), generator=generator)[:_FIT_BOXES_PER_CLASS]])
    kept = torch.cat(kept)
    return replace(boxes, corners=boxes.corners[kept], labels=boxes.labels[kept])


def _growing(sizes: list[float]) -> list[float]:
    grown = [max(sizes[0], 2.)]
    for size in sizes[1:]:
        grown.append(max(size, grown[-1] * _SMALLEST_GROWTH))
    return grown


def _score(sample: TrainingBoxes, generator_cfg: dict, sizes: list[float]) -> float:
    overlaps = best_overlaps(sample.corners, anchors(_with_sizes(generator_cfg, sizes), sample.input_size,
                                                       sample.maps))
    return float(torch.stack([overlaps[sample.labels == label].mean() for label in sample.labels.unique()]).mean())


def _with_sizes(generator_cfg: dict, sizes: list[float]) -> dict:
    rounded = [round(size) if size >= 20 else round(size, 1) for size in sizes]
    return dict(generator_cfg, min_sizes=rounded[:-1], max_sizes=rounded[1:])


def plot_fit(boxes: TrainingBoxes, generators: dict[str, dict], threshold: float, out_file) -> None:
    """Plot the box sizes by class with the anchor sizes above them, and the best overlaps for each set of anchors.

    Args:
        boxes (TrainingBoxes): the training boxes.
        generators (dict[str, dict]): anchor generator configs, by the name in the legend.
        threshold (float): the overlap that the assigner needs for a match, 0 to 1, drawn as a line.
        out_file (str or Path): image file to write.
    """
    from matplotlib.figure import Figure  # not pyplot, whose choice of a backend holds for the whole process
    figure = Figure(figsize=(11, 4), layout='constrained')
    left, right = figure.subplots(1, 2)
    edges = np.geomspace(max(1., float(boxes.sizes.min())), float(boxes.sizes.max()) * 1.05, 40)
    for label, name in enumerate(boxes.classes):
        left.hist(boxes.sizes[boxes.labels == label].numpy(), edges, alpha=0.5, label=name)
    for row, (name, cfg) in enumerate(generators.items()):
        sizes = [*cfg['min_sizes'], cfg['max_sizes'][-1]]
        left.plot(sizes, [1.03 + row * 0.06] * len(sizes), '|', markersize=12, markeredgewidth=2, clip_on=False,
                  transform=left.get_xaxis_transform(), label=f'anchor sizes, {name}')
        overlaps = best_overlaps(boxes.corners, anchors(cfg, boxes.input_size, boxes.maps))
        right.hist(overlaps.numpy(), np.linspace(0, 1, 41), histtype='step', linewidth=2,
                   label=f'{name}, mean {overlaps.mean():.3f}')
    left.set(xscale='log', ylabel='boxes', xlabel='size: square root of area, pixels of the input')
    ticks = [size for size in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000) if edges[0] <= size <= edges[-1]]
    left.set_xticks(ticks, [str(size) for size in ticks])
    left.minorticks_off()
    right.axvline(threshold, color='black', linestyle=':', label=f'needed to match: {threshold}')
    right.set(xlabel='best overlap (IoU) of a box with any anchor', ylabel='boxes')
    for axes in (left, right):
        axes.legend(fontsize=8)
    figure.savefig(out_file, dpi=110)
