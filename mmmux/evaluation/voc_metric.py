"""Mean average precision of PASCAL VOC with the average precision of each class among the results."""
from mmdet.evaluation import VOCMetric as MMDetVOCMetric
from mmdet.evaluation import eval_map
from mmengine.logging import MMLogger

from mmmux.registry import METRICS
from mmmux.utils import fork_signals


@METRICS.register_module()
class VOCMetric(MMDetVOCMetric):
    """Compute the metrics of mmdet's VOCMetric and the average precision of each class (`AP<threshold>/<class>`), 0 to 1.

    `<threshold>` is the IoU threshold in percent. mmdet reports only the mean. The printed table always names the classes of
    the data set.

    Args: As in mmdet's VOCMetric.
    """

    def compute_metrics(self, results: list) -> dict:
        """Compute the mean and per-class average precision, 0 to 1, from pairs of (annotation, detections)."""
        if self.metric != 'mAP':
            return super().compute_metrics(results)
        annotations, detections = zip(*results)
        classes = self.dataset_meta['classes']
        metrics = {'mAP': 0.}
        for threshold in self.iou_thrs:
            with fork_signals.sigterm_ends_children():  # eval_map starts a multiprocessing.Pool
                mean, by_class = eval_map(
                    detections,
                    annotations,
                    iou_thr=threshold,
                    scale_ranges=self.scale_ranges,
                    dataset=tuple(classes),
                    logger=MMLogger.get_current_instance(),
                    eval_mode=self.eval_mode,
                    # The VOC development kit measures boxes with inclusive pixel coordinates.
                    use_legacy_coordinate=True)
            name = f'AP{round(threshold * 100):02d}'
            metrics[name] = mean
            metrics.update((f'{name}/{cls}', float(result['ap'])) for cls, result in zip(classes, by_class))
            metrics['mAP'] += mean / len(self.iou_thrs)
        return metrics
