"""Mean intersection over union (IoU) with the IoU of each class among the results."""
import math
import os.path as osp
from collections.abc import Mapping, Sequence

from mmseg.evaluation import IoUMetric as MMSegIoUMetric

from mmmux.registry import METRICS
from mmmux.utils.errors import DatasetError


@METRICS.register_module()
class IoUMetric(MMSegIoUMetric):
    """Compute the metrics of mmseg's IoUMetric and the IoU of each class (`IoU/<class>`), in percent.

    mmseg's metrics are the mean IoU (`mIoU`), the mean accuracy of the classes (`mAcc`) and the pixel accuracy (`aAcc`). A
    class that is neither in the labels nor in the predictions has no IoU and is excluded from the means; `absent` lists
    these classes, if there are any.

    Args: As in mmseg's IoUMetric.

    Raises:
        DatasetError: An image has no label map, no pixel of all label maps has a class, or with `output_dir` two images would
            be written to the same file.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._written: dict[str, str] = {}

    @classmethod
    def takes_place(cls, evaluator: Mapping) -> bool:
        """Return whether this metric takes the place of mmseg's IoUMetric for the config of an evaluator: never."""
        return False

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Count the pixels of each class in the labels and predictions of a batch.

        Raises:
            DatasetError: An image has no label map.
        """
        for sample in data_samples:
            if not self.format_only and 'gt_sem_seg' not in sample:
                raise DatasetError(f'{sample["img_path"]} has no label map to compare with: to predict pictures without '
                                   'labels, test with --out DIR --cfg-options test_evaluator.format_only=True')
            self._check_name(sample)
        super().process(data_batch, data_samples)

    def _check_name(self, sample: dict) -> None:
        if self.output_dir is None:
            return
        path = sample['img_path']
        other = self._written.setdefault(osp.splitext(osp.basename(path))[0], path)
        if other != path:
            raise DatasetError(f'{other} and {path} would both be written to one file of {self.output_dir} '
                               '(test_evaluator.output_dir): write label maps with --out DIR, which keeps the folders')

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Compute the metrics of all images, in percent, from the pixel counts; return {} if `format_only` is set."""
        if self.format_only:
            return {}
        areas = [sum(column) for column in zip(*results)]
        classes, (_, union, _, labelled) = self.dataset_meta['classes'], areas
        if not labelled.sum():
            raise DatasetError(f'no pixel of the {len(results)} label maps has one of the {len(classes)} classes: all have the '
                               f'value {self.ignore_index}, which is ignored (or 0, with reduce_zero_label), so that there is '
                               'nothing to compare with; check the label maps with tools/analysis_tools/check_dataset.py')
        metrics = super().compute_metrics(results)
        absent = [name for name, pixels in zip(classes, union) if not pixels and self.nan_to_num is None]
        if absent:
            metrics = {**metrics, 'absent': absent}
        if 'mIoU' not in self.metrics:
            return metrics
        by_class = self.total_area_to_metrics(*areas, self.metrics, self.nan_to_num, self.beta)['IoU']
        found = {name: float(iou) for name, iou in zip(classes, by_class) if not math.isnan(iou)}
        return {**metrics, **{f'IoU/{name}': round(100 * iou, 2) for name, iou in found.items()}}
