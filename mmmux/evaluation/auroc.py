"""The area under the receiver operating characteristic (AUROC) of each class of a multi-label classifier, and its mean."""
import logging
from collections.abc import Sequence
from importlib.util import find_spec

import numpy as np
import torch
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from mmmux.registry import METRICS
from mmmux.utils.errors import ConfigError, DatasetError, TrainingError


@METRICS.register_module()
class AUROC(BaseMetric):
    """`auroc/<class>`, 0 to 1: how likely a picture with the class scores above one without; `auroc/mean` over the classes.

    Computed by torchmetrics from all scores as they are, with no thresholds in between. A class that every picture has, or
    none, has no AUROC: it is not in the mean, which is said once. For any data set with several labels a picture.

    Args:
        collect_device: as in mmengine, where results of several processes are brought together, 'cpu' or 'gpu'.
        prefix: in place of 'auroc'.

    Raises:
        ConfigError: torchmetrics is not installed, or the classifier is one for a single label a picture, or has another
            number of classes than the data set.
        DatasetError: a picture has no labels, or there is nothing to tell apart in any class.
        TrainingError: a score is not a number.
    """

    default_prefix = 'auroc'

    def __init__(self, collect_device: str = 'cpu', prefix: str | None = None):
        if find_spec('torchmetrics') is None:
            raise ConfigError('mmmux.AUROC needs torchmetrics, which is not installed: pip install torchmetrics')
        super().__init__(collect_device=collect_device, prefix=prefix)
        self._said: set[tuple[str, ...]] = set()

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Keep the scores (C, ) and labels (C, ) of each picture of a batch."""
        for sample in data_samples:
            scores = sample['pred_score'].detach().float().cpu().numpy()
            if not np.isfinite(scores).all():
                wrong = int(np.flatnonzero(~np.isfinite(scores))[0])
                raise TrainingError(f"{sample.get('img_path', 'a picture')} scores {scores[wrong]} for class "
                                    f"'{self._classes(len(scores))[wrong]}': the weights went wrong in training; take an "
                                    'earlier checkpoint, or train with a lower learning rate')
            self.results.append((scores, self._labels(sample, len(scores))))

    def _labels(self, sample: dict, classes: int) -> np.ndarray:
        if 'gt_score' in sample:
            return sample['gt_score'].cpu().numpy() > 0.5
        if 'gt_label' not in sample:
            raise DatasetError(f"{sample.get('img_path', 'a picture')} has no labels to compare with")
        numbers = sample['gt_label'].cpu().numpy()
        if numbers.size and numbers.max() >= classes:
            raise ConfigError(f"{sample.get('img_path', 'a picture')} has a label of class {numbers.max()}, counted from 0, "
                              f'and the model scores {classes} classes: set num_classes of its head')
        labels = np.zeros(classes, bool)
        labels[numbers] = True
        return labels

    def _classes(self, scored: int) -> Sequence[str]:
        classes = (self.dataset_meta or {}).get('classes') or [str(number) for number in range(scored)]
        if len(classes) != scored:
            raise ConfigError(f'the model scores {scored} classes, and the data set has {len(classes)}: set num_classes of the '
                              f"model's head to {len(classes)}")
        return classes

    def compute_metrics(self, results: list) -> dict[str, float]:
        """AUROC of all pictures, 0 to 1."""
        from torchmetrics.functional.classification import binary_auroc  # heavy: other tasks need not import it
        scores, labels = (np.stack(column) for column in zip(*results))
        _refuse_single_label(scores, labels)
        counts = labels.sum(0)
        found, without = {}, []
        for number, name in enumerate(self._classes(scores.shape[1])):
            if 0 < counts[number] < len(labels):
                found[name] = float(binary_auroc(torch.from_numpy(scores[:, number].copy()),
                                                 torch.from_numpy(labels[:, number].astype(np.int64)), thresholds=None))
            else:
                without.append(name)
        if not found:
            raise DatasetError(f'no class has an AUROC: of the {len(labels)} pictures, some must have a class and some not')
        if without and tuple(without) not in self._said:
            self._said.add(tuple(without))
            print_log(f'no AUROC of {", ".join(without)}: of {len(labels)} pictures none or all have the class; the mean is '
                      f'over the other {len(found)}', logger='current', level=logging.WARNING)
        return {'mean': float(np.mean(list(found.values()))), **found}


def _refuse_single_label(scores: np.ndarray, labels: np.ndarray) -> None:
    # Scores of a softmax add up to 1, also in half precision; several sigmoids do not, picture after picture.
    if (labels.sum(1) == 1).all() and np.allclose(scores.sum(1), 1, atol=2e-3):
        raise ConfigError('mmmux.AUROC is for several labels a picture (mmmux.MultiLabelLinearClsHead), and here each picture '
                          "has one label, and scores that add up to 1: use dict(type='Accuracy')")
