"""Mean average precision of PASCAL VOC with the average precision of each class, and of ranges of sizes."""
from collections.abc import Mapping, Sequence

import numpy as np
from mmdet.evaluation import VOCMetric as MMDetVOCMetric
from mmdet.evaluation import eval_map
from mmengine.logging import MMLogger

from mmmux.registry import METRICS
from mmmux.utils import fork_signals
from mmmux.utils.errors import ConfigError

_ALL_SIZES = (0, 1e5)  # sides in pixels; mmdet squares them


@METRICS.register_module()
class VOCMetric(MMDetVOCMetric):
    """Compute the metrics of mmdet's VOCMetric and the average precision of each class (`AP<threshold>/<class>`), 0 to 1.

    `<threshold>` is the IoU threshold in percent. mmdet reports only the mean. The printed table always names the classes of
    the data set. A class without an object has no average precision; `absent` lists these classes, if there are any.

    With `scale_ranges`, which mmdet's metric cannot do, `AP<threshold>@<low>-<high>`, and the same followed by `/<class>`, are
    the average precision of the objects whose square root of the area is `low` to `high` pixels. A range without an object
    has none.

    Args: As in mmdet's VOCMetric.

    Raises:
        ConfigError: `scale_ranges` is not a list of pairs of ascending numbers.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        for low_high in self.scale_ranges or ():
            if not (isinstance(low_high, Sequence) and len(low_high) == 2 and 0 <= low_high[0] < low_high[1]):
                raise ConfigError(f'scale_ranges of VOCMetric must be pairs of ascending sizes in pixels, such as [(0, 32), '
                                  f'(32, 96)], got {self.scale_ranges}')

    @classmethod
    def takes_place(cls, evaluator: Mapping) -> bool:
        """Return whether this metric takes the place of mmdet's VOCMetric for an evaluator's config: with `scale_ranges`."""
        return bool(evaluator.get('scale_ranges'))

    def compute_metrics(self, results: list) -> dict:
        """Compute the mean and per-class average precision, 0 to 1, from pairs of (annotation, detections)."""
        if self.metric != 'mAP':
            return super().compute_metrics(results)
        metrics, absent = {'mAP': 0.}, []
        for threshold in self.iou_thrs:
            name = f'AP{round(threshold * 100):02d}'
            means, by_class, objects = self._evaluate(results, threshold)
            absent = [cls for cls, number in zip(self.dataset_meta['classes'], objects[:, 0]) if not number]
            metrics['mAP'] += means[0] / len(self.iou_thrs)
            for place, suffix in enumerate(['', *(f'@{low:g}-{high:g}' for low, high in self.scale_ranges or ())]):
                if place == 0 or objects[:, place].any():
                    metrics[name + suffix] = float(means[place])
                metrics.update((f'{name}{suffix}/{cls}', float(precision)) for cls, precision, number in zip(
                    self.dataset_meta['classes'], by_class[:, place], objects[:, place]) if number)
        return {**metrics, 'absent': absent} if absent else metrics

    def _evaluate(self, results: list, threshold: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Compute average precisions and count objects at an IoU threshold.

        Returns:
            tuple: For objects of all sizes and of each of the R ranges: the means (1 + R, ), the average precision of each
            class and the number of its objects, both (classes, 1 + R).
        """
        annotations, detections = zip(*results)
        with fork_signals.sigterm_ends_children():  # eval_map starts a multiprocessing.Pool
            means, by_class = eval_map(
                detections,
                annotations,
                iou_thr=threshold,
                scale_ranges=[_ALL_SIZES, *self.scale_ranges] if self.scale_ranges else None,
                dataset=tuple(self.dataset_meta['classes']),
                logger=MMLogger.get_current_instance(),
                eval_mode=self.eval_mode,
                # The VOC development kit measures boxes with inclusive pixel coordinates.
                use_legacy_coordinate=True)
        return (np.atleast_1d(means), np.stack([np.atleast_1d(result['ap']) for result in by_class]),
                np.stack([np.atleast_1d(result['num_gts']) for result in by_class]))
