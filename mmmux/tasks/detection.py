"""Detection with mmdet."""
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import VISUALIZERS
from mmengine.structures import InstanceData
from PIL import Image
from torch import Tensor, nn

from mmmux.analysis.results import Results
from mmmux.deploy.detector import Detector
from mmmux.deploy.verify import unmatched_detections
from mmmux.utils.errors import ConfigError

from .base import TASKS, Task, rgb


@TASKS.register_module()
class Detection(Task):
    """Boxes around objects, each with a class and a score."""

    scope = 'mmdet'
    name = 'detection'
    results = Results(
        metric='pascal_voc/mAP', columns={'mAP': 'pascal_voc/mAP'}, by_class='pascal_voc/AP50/', class_heading='AP', digits=3,
        explained='Average precision at IoU 0.5.', metafile_task='Object Detection', metafile_metric='box AP50')
    guesses_classes = False

    def draw_in_test(self, cfg: Config, folder: Path) -> None:
        """See :meth:`Task.draw_in_test`: boxes."""
        hook = cfg.get('default_hooks', {}).get('visualization')
        if hook is None:
            raise ConfigError('--show-dir needs default_hooks.visualization in the config, e.g. '
                              "dict(type='DetVisualizationHook')")
        hook.draw = True
        # mmdet joins the folder to the work dir at every batch; an absolute path stays itself.
        hook.test_out_dir = str(Path(folder).resolve())

    def init_model(self, cfg: Config, checkpoint: str | None, device: str) -> nn.Module:
        """See :meth:`Task.init_model`."""
        from mmdet.apis import init_detector
        return init_detector(cfg, checkpoint, device=device)

    def predictor(self, cfg: Config, model: nn.Module) -> Callable:
        """See :meth:`Task.predictor`."""
        from mmdet.apis import inference_detector
        return lambda picture: inference_detector(model, picture if isinstance(picture, np.ndarray) else str(picture))

    def draw(self, image: np.ndarray, sample, model: nn.Module, cfg: Config, threshold: float) -> Image.Image:
        """See :meth:`Task.draw`: boxes."""
        return _with_boxes(cfg, image, sample, model.dataset_meta, draw_gt=False, pred_score_thr=threshold)

    def summary(self, sample, model: nn.Module, threshold: float) -> str:
        """See :meth:`Task.summary`: the number of objects."""
        return f', {int((sample.pred_instances.scores >= threshold).sum())} objects'

    def columns(self, dataset, sample, predictors: Mapping[str, Callable], painters: Mapping[str, Callable], cfg: Config,
                threshold: float) -> dict[str, Image.Image]:
        """See :meth:`Task.columns`: the labels' boxes, then the models'."""
        boxes = sample.gt_instances.bboxes
        sample.gt_instances.bboxes = getattr(boxes, 'tensor', boxes)  # mmdet's visualizer takes no box objects
        labels = _with_boxes(cfg, rgb(sample.img_path), sample, dataset.metainfo, draw_pred=False)
        return dict(labels=labels, **{name: paint(sample.img_path) for name, paint in painters.items()})

    def layouts(self) -> Sequence[tuple]:
        """See :meth:`Task.layouts`."""
        from mmmux.analysis.dataset_check.coco_layout import CocoLayout
        from mmmux.analysis.dataset_check.voc_layout import VOCLayout
        from mmmux.datasets.coco import CocoDataset
        from mmmux.datasets.voc import VOCDataset
        return (CocoDataset, CocoLayout), (VOCDataset, VOCLayout)

    def deployable(self, model: nn.Module, raw: bool) -> nn.Module:
        """See :meth:`Task.deployable`: of single-stage detectors with anchors."""
        return Detector(model, raw)

    def output_order(self, raw: bool) -> str:
        """See :meth:`Task.output_order`."""
        return 'all anchors' if raw else 'best first; places without a detection have score 0, label -1 and a box of zeros'

    def difference(self, names: Sequence[str], ours: Sequence[np.ndarray], theirs: Sequence[np.ndarray],
                   precision: str) -> str | None:
        """See :meth:`Task.difference`: detections are matched, whatever their order."""
        compare = super().difference if len(names) == 2 else unmatched_detections  # raw outputs are in the order of the anchors
        return compare(names, ours, theirs, precision)

    def put_prediction(self, sample, boxes: Tensor, scores: Tensor, labels: Tensor) -> None:
        """See :meth:`Task.put_prediction`."""
        found = labels >= 0
        factor = torch.tensor(sample.scale_factor).repeat(2)
        sample.pred_instances = InstanceData(bboxes=boxes[found] / factor, scores=scores[found], labels=labels[found])


def _with_boxes(cfg: Config, image: np.ndarray, sample, metainfo: Mapping, **options) -> Image.Image:
    # Not built by the registry, which keeps one for each name: a run's writes into its work dir.
    arguments = {key: value for key, value in cfg.visualizer.items() if key not in ('type', 'name', 'vis_backends')}
    with VISUALIZERS.switch_scope_and_registry(None) as registry:
        visualizer = registry.get(cfg.visualizer['type'])(name='pictures', **arguments)
    visualizer.dataset_meta = metainfo
    visualizer.add_datasample('picture', image, sample, show=False, **options)
    return Image.fromarray(visualizer.get_image())
