"""PASCAL VOC's mean average precision, with the average precision of each class among the results."""
from mmdet.evaluation import VOCMetric as MMDetVOCMetric
from mmdet.evaluation import eval_map
from mmengine.logging import MMLogger

from mmmux.registry import METRICS
from mmmux.utils import fork_signals


@METRICS.register_module()
class VOCMetric(MMDetVOCMetric):
    """mmdet's VOCMetric, which reports the mean only, extended by `AP<threshold>/<class>` for every class.

    The printed table always names the data set's own classes. Arguments as in mmdet.
    """

    def compute_metrics(self, results: list) -> dict:
        """Compute mean and per-class average precision (0 to 1) of the collected (annotation, detections) pairs."""
        if self.metric != 'mAP':
            return super().compute_metrics(results)
        annotations, detections = zip(*results)
        classes = self.dataset_meta['classes']
        metrics = {'mAP': 0.}
        for threshold in self.iou_thrs:
            with fork_signals.kept():  # mmdet's pool of processes
                mean, by_class = eval_map(
                    detections,
                    annotations,
                    iou_thr=threshold,
                    scale_ranges=self.scale_ranges,
                    dataset=tuple(classes),
                    logger=MMLogger.get_current_instance(),
                    eval_mode=self.eval_mode,
                    # VOC's own code counts pixels inclusively.
                    use_legacy_coordinate=True)
            name = f'AP{round(threshold * 100):02d}'
            metrics[name] = mean
            metrics.update((f'{name}/{cls}', float(result['ap'])) for cls, result in zip(classes, by_class))
            metrics['mAP'] += mean / len(self.iou_thrs)
        return metrics
