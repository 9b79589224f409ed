"""mmdet's COCO metric for annotation files of any tool, and for data sets that are not in COCO format."""
import json
import math
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from mmdet.evaluation import CocoMetric as MMDetCocoMetric
from mmengine.fileio import get_text

from mmmux.registry import METRICS
from mmmux.utils.coco_file import complete_annotations, drop_namesakes
from mmmux.utils.errors import DatasetError, UserError, in_a_line
from mmmux.utils.valid_json import dumps


@METRICS.register_module()
class CocoMetric(MMDetCocoMetric):
    """Compute the metrics of mmdet's CocoMetric, also where mmdet ends with an error.

    * An annotation file may lack the fields that :mod:`mmmux.utils.coco_file` adds.
    * Without `ann_file`, detections are compared with the boxes that the test pipeline loads, for example of VOC data.
    * `absent` lists the classes without an object, if there are any. They have no metric.

    The programs of this package use it in place of mmdet's (:mod:`mmmux.evaluation.careful_metrics`).

    Args:
        ann_file (str | None): COCO annotation file. Defaults to None.
        *args: Further positional arguments of mmdet's CocoMetric.
        **kwargs: Further keyword arguments of mmdet's CocoMetric.

    Raises:
        DatasetError: `ann_file` is not a COCO annotation file, or without `ann_file` the pipeline loads no boxes.
    """

    def __init__(self, ann_file: str | None = None, *args, **kwargs):
        self._with_objects, self._has_file = None, ann_file is not None
        if ann_file is None:
            super().__init__(None, *args, **kwargs)
            return
        content, complete, self._with_objects = _read(ann_file, kwargs.get('backend_args'))
        with tempfile.TemporaryDirectory() as folder:
            if not complete:
                ann_file, kwargs = str(Path(folder, 'complete.json')), {**kwargs, 'backend_args': None}
                Path(ann_file).write_text(dumps(content))
            super().__init__(ann_file, *args, **kwargs)

    @classmethod
    def takes_place(cls, evaluator: Mapping) -> bool:
        """Return whether this metric takes the place of mmdet's CocoMetric for the config of an evaluator: always."""
        return True

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Store the detections, and without an annotation file the annotated boxes, of each image of a batch."""
        if not self._has_file:
            data_samples = [_with_instances(sample) for sample in data_samples]
        super().process(data_batch, data_samples)

    def compute_metrics(self, results: list) -> dict:
        """Compute the metrics, 0 to 1, from pairs of (annotation, detections); {} if there is no detection at all."""
        metrics = {name: value for name, value in super().compute_metrics(results).items() if not _is_nan(value)}
        classes = self.dataset_meta['classes']
        if self._with_objects is None:  # mmdet keeps the annotations of the first evaluation for the next ones
            self._with_objects = {classes[box['bbox_label']] for truth, _ in results for box in truth['anns']
                                  if not box['ignore_flag']}
        absent = [name for name in classes if name not in self._with_objects]
        return {**metrics, 'absent': absent} if absent and metrics else metrics


def _is_nan(value) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _read(ann_file: str, backend_args: dict | None) -> tuple[dict, bool, set[str]]:
    """Return the content of an annotation file with all fields, whether the file has them, and the classes with an object."""
    try:
        content = json.loads(get_text(ann_file, backend_args=backend_args))
        changed = complete_annotations(content), drop_namesakes(content, ann_file)
        names = {category['id']: category['name'] for category in content['categories']}
        with_objects = {names.get(annotation['category_id']) for annotation in content.get('annotations') or ()
                        if not annotation['iscrowd']}
        return content, not any(changed), with_objects
    except UserError:
        raise
    except Exception as error:  # a file of another format makes the readers raise errors of many types
        raise DatasetError(f'{ann_file} (ann_file of CocoMetric) is not a COCO annotation file: {type(error).__name__}: '
                           f'{in_a_line(str(error))}') from None


def _with_instances(sample: dict) -> dict:
    """Return a copy of a data sample with its boxes as mmdet's CocoMetric takes them, and with a unique image ID."""
    name = sample.get('img_path', sample.get('img_id'))
    objects = sample.get('gt_instances') or {}
    if 'bboxes' not in objects:
        raise DatasetError(f'{name} has no boxes to compare with, and CocoMetric has no ann_file: set ann_file of the '
                           "evaluator, or add dict(type='LoadAnnotations', with_bbox=True) to the test pipeline")
    instances = [*_instances(objects, 0), *_instances(sample.get('ignored_instances') or {}, 1)]
    # Images of several folders may have the same ID.
    return dict(sample, instances=instances, img_id=name)


def _instances(objects: Mapping, ignored: int) -> Iterator[dict]:
    boxes = objects.get('bboxes', ())
    for box, label in zip(getattr(boxes, 'tensor', boxes), objects.get('labels', ())):
        yield dict(bbox=box.tolist(), bbox_label=int(label), ignore_flag=ignored)
