"""Mean IoU that also tells the IoU of each class."""
import math
from collections.abc import Sequence

from mmseg.evaluation import IoUMetric as MMSegIoUMetric

from mmmux.registry import METRICS
from mmmux.utils.errors import DatasetError


@METRICS.register_module()
class IoUMetric(MMSegIoUMetric):
    """mmseg's IoUMetric (`mIoU`; `mAcc`, mean accuracy; `aAcc`, pixel accuracy; in percent) and `IoU/<class>` for each class.

    Arguments as in mmseg. A class that is neither in the labels nor in the predictions has no IoU and is not in the means.
    """

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Count the pixels of a batch.

        Raises:
            DatasetError: a picture has no labels to compare with.
        """
        for sample in data_samples:
            if not self.format_only and 'gt_sem_seg' not in sample:
                raise DatasetError(f'{sample["img_path"]} has no label map to compare with: to predict pictures without '
                                   'labels, test with --out DIR --cfg-options test_evaluator.format_only=True')
        super().process(data_batch, data_samples)

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Metrics of all pictures, in percent."""
        if self.format_only:  # there is nothing to compare with
            return {}
        metrics = super().compute_metrics(results)
        if 'mIoU' not in self.metrics:
            return metrics
        areas = [sum(column) for column in zip(*results)]
        by_class = self.total_area_to_metrics(*areas, self.metrics, self.nan_to_num, self.beta)['IoU']
        found = {name: float(iou) for name, iou in zip(self.dataset_meta['classes'], by_class) if not math.isnan(iou)}
        return {**metrics, **{f'IoU/{name}': round(100 * iou, 2) for name, iou in found.items()}}
