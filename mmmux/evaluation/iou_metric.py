"""Mean intersection over union (IoU) with the IoU of each class among the results."""
import math
from collections.abc import Sequence

from mmseg.evaluation import IoUMetric as MMSegIoUMetric

from mmmux.registry import METRICS
from mmmux.utils.errors import DatasetError


@METRICS.register_module()
class IoUMetric(MMSegIoUMetric):
    """Compute the metrics of mmseg's IoUMetric and the IoU of each class (`IoU/<class>`), in percent.

    mmseg's metrics are the mean IoU (`mIoU`), the mean accuracy of the classes (`mAcc`) and the pixel accuracy (`aAcc`). A
    class that is neither in the labels nor in the predictions has no IoU and is excluded from the means.

    Args: As in mmseg's IoUMetric.
    """

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Count the pixels of each class in the labels and predictions of a batch.

        Raises:
            DatasetError: An image has no label map.
        """
        for sample in data_samples:
            if not self.format_only and 'gt_sem_seg' not in sample:
                raise DatasetError(f'{sample["img_path"]} has no label map to compare with: to predict pictures without '
                                   'labels, test with --out DIR --cfg-options test_evaluator.format_only=True')
        super().process(data_batch, data_samples)

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Compute the metrics of all images, in percent, from the pixel counts; return {} if `format_only` is set."""
        if self.format_only:
            return {}
        metrics = super().compute_metrics(results)
        if 'mIoU' not in self.metrics:
            return metrics
        areas = [sum(column) for column in zip(*results)]
        by_class = self.total_area_to_metrics(*areas, self.metrics, self.nan_to_num, self.beta)['IoU']
        found = {name: float(iou) for name, iou in zip(self.dataset_meta['classes'], by_class) if not math.isnan(iou)}
        return {**metrics, **{f'IoU/{name}': round(100 * iou, 2) for name, iou in found.items()}}
