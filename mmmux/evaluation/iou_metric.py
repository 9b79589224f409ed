"""Mean IoU that also tells the IoU of each class."""
import math

from mmseg.evaluation import IoUMetric as MMSegIoUMetric

from mmmux.registry import METRICS


@METRICS.register_module()
class IoUMetric(MMSegIoUMetric):
    """mmseg's IoUMetric (`mIoU`; `mAcc`, mean accuracy; `aAcc`, pixel accuracy; in percent) and `IoU/<class>` for each class.

    Arguments as in mmseg. A class that is neither in the labels nor in the predictions has no IoU and is not in the means.
    """

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Metrics of all pictures, in percent."""
        metrics = super().compute_metrics(results)
        if self.format_only or 'mIoU' not in self.metrics:
            return metrics
        areas = [sum(column) for column in zip(*results)]
        by_class = self.total_area_to_metrics(*areas, self.metrics, self.nan_to_num, self.beta)['IoU']
        found = {name: float(iou) for name, iou in zip(self.dataset_meta['classes'], by_class) if not math.isnan(iou)}
        return {**metrics, **{f'IoU/{name}': round(100 * iou, 2) for name, iou in found.items()}}
