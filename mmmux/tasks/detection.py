"""Detection with mmdet."""
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config, ConfigDict
from mmengine.registry import DATASETS, VISUALIZERS
from mmengine.structures import InstanceData
from PIL import Image
from torch import Tensor, nn

from mmmux.analysis.box_curves import box_curves
from mmmux.analysis.confusion import BACKGROUND, Confusion, box_pairs, merged
from mmmux.analysis.dumped_predictions import dumped_predictions
from mmmux.analysis.precision_recall import PrecisionRecall
from mmmux.analysis.results import Results
from mmmux.config.careful_loaders import with_careful_loaders
from mmmux.config.hooks import add_hook
from mmmux.config.load import innermost_dataset
from mmmux.config.type_name import type_name
from mmmux.datasets.predicted_labels import CocoFiles, LabelWriter, Objects, VOCFiles, YOLOFiles
from mmmux.deploy.detector import Detector
from mmmux.deploy.verify import unmatched_detections
from mmmux.utils.errors import ConfigError
from mmmux.visualization.boxes import with_boxes
from mmmux.visualization.fonts import matplotlib_fonts

from .base import Predictor, Task
from .find import TASKS
from .pipeline_predictor import rgb

_NOT_THE_LOOK = ('type', 'name', 'vis_backends')  # keys of a visualizer's config that do not change a drawing

_MATCHED = 0.5  # overlap from which on a box counts as an object's, as in PASCAL VOC

_META_KEYS = ('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor', 'flip', 'flip_direction')  # of PackDetInputs


@TASKS.register_module()
class Detection(Task):
    """Detection: boxes around objects, each with a class and a score."""

    scope = 'mmdet'
    name = 'detection'
    results = Results(
        metric='pascal_voc/mAP', columns={'mAP': 'pascal_voc/mAP'}, by_class='pascal_voc/AP50/', class_heading='AP', digits=3,
        explained='Average precision at IoU 0.5.', metafile_task='Object Detection', metafile_metric='box AP50')

    def scored(self, head: Mapping, loss: Mapping) -> int:
        """See :meth:`Task.scored`: softmax scores the background, too."""
        return head['num_classes'] + (0 if loss.get('use_sigmoid') else 1)

    def draw_in_test(self, cfg: Config, folder: Path) -> None:
        """See :meth:`Task.draw_in_test`: a hook derived from mmdet's draws the boxes.

        Raises:
            ConfigError: the config has no `default_hooks.visualization`.
        """
        hook = cfg.get('default_hooks', {}).get('visualization')
        if hook is None:
            raise ConfigError('--show-dir needs default_hooks.visualization in the config, e.g. '
                              "dict(type='DetVisualizationHook')")
        if type_name(innermost_dataset(cfg.test_dataloader).pipeline[0]).startswith('LoadChannels'):
            return super().draw_in_test(cfg, folder)  # mmdet's hook reads ordinary pictures only
        hook.draw = True
        if type_name(hook) == 'DetVisualizationHook':
            hook.type = 'mmmux.tasks.draw_boxes_hook.DrawBoxesHook'
        # Another hook of mmdet joins the folder to the work dir at every batch, which does not change an absolute path.
        hook.test_out_dir = str(Path(folder).resolve())
        add_hook(cfg, dict(type='mmmux.tasks.draw_hook.FontsHook'))

    def confusion(self, cfg: Config, results: Path, threshold: float) -> Confusion:
        """See :meth:`Task.confusion`: of boxes that overlap an object by half, with the background as a further class."""
        dataset = DATASETS.build(with_careful_loaders(cfg.test_dataloader).dataset)
        classes, parts = dataset.metainfo['classes'], []
        for index, found in enumerate(dumped_predictions(results, len(dataset))):
            objects = dataset.get_data_info(index)['instances']
            found = {key: np.asarray(found['pred_instances'][key]) for key in ('bboxes', 'labels', 'scores')}
            kept = found['scores'] >= threshold
            parts.append(box_pairs(
                np.array([each['bbox'] for each in objects]).reshape(-1, 4),
                np.array([each['bbox_label'] for each in objects], np.int64),
                np.array([bool(each.get('ignore_flag')) for each in objects], bool),
                found['bboxes'][kept].reshape(-1, 4), found['labels'][kept], found['scores'][kept], len(classes), _MATCHED))
        return merged(parts, [*classes, BACKGROUND], 'objects')

    def cut_into_tiles(self, cfg: Config, size: int, overlap: float) -> None:
        """See :meth:`Task.cut_into_tiles`: the whole image and its tiles are predicted, each resized as the pipeline does.

        Raises:
            ConfigError: the test pipeline does not begin with a step that loads and end with one that packs.
        """
        dataset = innermost_dataset(cfg.test_dataloader)
        load, *steps = dataset.pipeline
        if not steps or not type_name(steps[-1]).startswith('Pack'):
            raise ConfigError('--tiles needs a test pipeline that begins with a transform that loads and ends with '
                              'PackDetInputs')
        steps[-1] = ConfigDict(steps[-1], meta_keys=(*steps[-1].get('meta_keys', _META_KEYS), 'tile_offset'))
        dataset.pipeline = [load, ConfigDict(type='mmmux.CutTiles', size=size, overlap=overlap, transforms=steps)]
        cfg.test_dataloader.batch_size = 1  # images have different numbers of tiles
        cfg.model = ConfigDict(type='mmmux.TiledDetector', module=cfg.model)

    def precision_recall(self, cfg: Config, results: Path, iou: float) -> PrecisionRecall:
        """See :meth:`Task.precision_recall`: of boxes, with average precision by the size of the objects."""
        dataset = DATASETS.build(with_careful_loaders(cfg.test_dataloader).dataset)
        found = dumped_predictions(results, len(dataset))
        return box_curves(((dataset.get_data_info(index)['instances'], each['pred_instances'])
                           for index, each in enumerate(found)), dataset.metainfo['classes'], iou)

    def draw(self, image: np.ndarray, sample, model: nn.Module, threshold: float) -> Image.Image:
        """See :meth:`Task.draw`: boxes."""
        found = sample.pred_instances
        if _has_stock_look(model.cfg) and 'masks' not in found:
            return _with_boxes(image, found[found.scores > threshold], model.dataset_meta)
        return _as_configured(model.cfg, image, sample, model.dataset_meta, draw_gt=False, pred_score_thr=threshold)

    def summary(self, sample, model: nn.Module, threshold: float) -> str:
        """See :meth:`Task.summary`: the number of objects."""
        return f', {int((sample.pred_instances.scores >= threshold).sum())} objects'

    def label_writers(self) -> Mapping[str, type[LabelWriter]]:
        """See :meth:`Task.label_writers`: boxes."""
        return dict(coco=CocoFiles, voc=VOCFiles, yolo=YOLOFiles)

    def written(self, sample, model: nn.Module, threshold: float) -> Objects:
        """See :meth:`Task.written`."""
        found = sample.pred_instances[sample.pred_instances.scores >= threshold].cpu().numpy()
        height, width = sample.ori_shape[:2]
        return Objects.inside(found.bboxes, found.labels, found.scores, (width, height))

    def columns(self, dataset, sample, models: Mapping[str, Predictor], threshold: float) -> dict[str, Image.Image]:
        """See :meth:`Task.columns`: the labels' boxes, then the models'."""
        boxes = sample.gt_instances.bboxes
        sample.gt_instances.bboxes = getattr(boxes, 'tensor', boxes)  # mmdet's visualizer takes no box objects
        cfg = next(iter(models.values())).cfg
        if _has_stock_look(cfg) and 'masks' not in sample.gt_instances:
            labels = _with_boxes(rgb(sample.img_path), sample.gt_instances, dataset.metainfo)
        else:
            labels = _as_configured(cfg, rgb(sample.img_path), sample, dataset.metainfo, draw_pred=False)
        return dict(labels=labels, **{name: model.drawn(sample.img_path, threshold)[0] for name, model in models.items()})

    def layouts(self) -> Sequence[tuple]:
        """See :meth:`Task.layouts`."""
        from mmmux.analysis.dataset_check.coco_layout import CocoLayout
        from mmmux.analysis.dataset_check.voc_layout import VOCLayout
        from mmmux.datasets.coco import CocoDataset
        from mmmux.datasets.voc import VOCDataset
        return (CocoDataset, CocoLayout), (VOCDataset, VOCLayout)

    def deployable(self, model: nn.Module, raw: bool) -> nn.Module:
        """See :meth:`Task.deployable`.

        Raises:
            ConfigError: the model is not a single-stage detector with anchors.
        """
        head = getattr(model, 'bbox_head', None)
        if not all(hasattr(head, name) for name in ('prior_generator', 'bbox_coder', 'cls_out_channels')):
            raise ConfigError(f'{type(model).__name__} with bbox_head {type(head).__name__} cannot be exported: only a '
                              'single-stage detector with anchors can, whose bbox_head has prior_generator and bbox_coder')
        return Detector(model, raw)

    def difference(self, names: Sequence[str], ours: Sequence[np.ndarray], theirs: Sequence[np.ndarray],
                   precision: str) -> str | None:
        """See :meth:`Task.difference`: detections are matched in any order."""
        compare = super().difference if len(names) == 2 else unmatched_detections  # raw outputs are in the order of the anchors
        return compare(names, ours, theirs, precision)

    def put_prediction(self, sample, boxes: Tensor, scores: Tensor, labels: Tensor) -> None:
        """See :meth:`Task.put_prediction`."""
        found = labels >= 0
        factor = torch.tensor(sample.scale_factor).repeat(2)
        sample.pred_instances = InstanceData(bboxes=boxes[found] / factor, scores=scores[found], labels=labels[found])


def _has_stock_look(cfg: Config) -> bool:
    """Return whether the config's visualizer is mmdet's, without arguments that change how boxes look."""
    visualizer = cfg.visualizer
    return type_name(visualizer) == 'DetLocalVisualizer' and not set(visualizer) - {*_NOT_THE_LOOK}


def _with_boxes(image: np.ndarray, instances: InstanceData, metainfo: Mapping) -> Image.Image:
    """Draw boxes with their classes, and with their scores if they have any."""
    from mmdet.visualization.palette import get_palette

    labels, classes = instances.labels.tolist(), metainfo.get('classes')
    palette = get_palette(metainfo.get('palette'), max(labels, default=0) + 1)
    texts = [classes[label] if classes else f'class {label}' for label in labels]
    if 'scores' in instances:
        texts = [f'{text}: {round(100 * score, 1)}' for text, score in zip(texts, instances.scores.tolist())]
    return with_boxes(image, instances.bboxes.cpu().numpy(), texts, [tuple(map(int, palette[label])) for label in labels])


def _as_configured(cfg: Config, image: np.ndarray, sample, metainfo: Mapping, **options) -> Image.Image:
    """Draw with the visualizer of the config, which may be of another package, or draw masks, and takes 0.1 s."""
    # The registry would return the visualizer of a run, which writes into the work dir, so this one is built without it.
    arguments = {key: value for key, value in cfg.visualizer.items() if key not in _NOT_THE_LOOK}
    with VISUALIZERS.switch_scope_and_registry(None) as registry:
        visualizer = registry.get(cfg.visualizer['type'])(name='pictures', **arguments)
    visualizer.dataset_meta = metainfo
    with matplotlib_fonts(metainfo.get('classes') or ()):
        visualizer.add_datasample('picture', image, sample, show=False, **options)
    return Image.fromarray(visualizer.get_image())
