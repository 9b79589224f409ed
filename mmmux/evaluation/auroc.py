"""Area under the receiver operating characteristic curve (AUROC) of each class of a multi-label classifier, and its mean."""
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
    """Compute the AUROC of each class and their mean, for data sets with several labels per image.

    The AUROC of a class (`auroc/<class>`, 0 to 1) is the probability that an image with the class scores higher than an image
    without it. `auroc/mean` is the mean over the classes. torchmetrics computes the AUROC from all scores, without binning
    them. A class that all images have, or none, has no AUROC; it is excluded from the mean, and a warning is logged once.

    Args:
        collect_device (str): Device on which mmengine collects the results of several processes, 'cpu' or 'gpu'. Defaults to
            'cpu'.
        prefix (str | None): Prefix of the names of the metrics. Defaults to None, which means 'auroc'.

    Raises:
        ConfigError: torchmetrics is not installed, the classifier predicts a single label per image, or its number of classes
            differs from that of the data set.
        DatasetError: An image has no labels, or no class has an AUROC.
        TrainingError: A score is NaN or infinite.
    """

    default_prefix = 'auroc'

    def __init__(self, collect_device: str = 'cpu', prefix: str | None = None):
        if find_spec('torchmetrics') is None:
            raise ConfigError('mmmux.AUROC needs torchmetrics, which is not installed: pip install torchmetrics')
        super().__init__(collect_device=collect_device, prefix=prefix)
        self._said: set[tuple[str, ...]] = set()

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Store the scores (C, ) and labels (C, ) of each image of a batch."""
        for sample in data_samples:
            scores = sample['pred_score'].detach().float().cpu().numpy()
            if not np.isfinite(scores).all():
                wrong = int(np.flatnonzero(~np.isfinite(scores))[0])
                raise TrainingError(f"{sample.get('img_path', 'a picture')} has the score {scores[wrong]} for class "
                                    f"'{self._classes(len(scores))[wrong]}', and scores must be finite: the training has "
                                    'diverged; test an earlier checkpoint, or train with a lower learning rate')
            self.results.append((scores, self._labels(sample, len(scores))))

    def _labels(self, sample: dict, classes: int) -> np.ndarray:
        if 'gt_score' in sample:
            return sample['gt_score'].cpu().numpy() > 0.5
        if 'gt_label' not in sample:
            raise DatasetError(f"{sample.get('img_path', 'a picture')} has no labels (gt_score or gt_label), which mmmux.AUROC "
                               'compares its scores with: test on labelled pictures')
        numbers = sample['gt_label'].cpu().numpy()
        if numbers.size and numbers.max() >= classes:
            raise ConfigError(f"{sample.get('img_path', 'a picture')} has a label of class {numbers.max()}, counted from 0, "
                              f"and the model scores {classes} classes: set num_classes of the model's head")
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
        """Compute the AUROC, 0 to 1, of each class and their mean from the stored scores and labels."""
        from torchmetrics.functional.classification import binary_auroc  # slow to import, and other tasks do not need it
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
            raise DatasetError(f'no class has an AUROC: each of the {len(without)} classes is a label of all {len(labels)} '
                               'pictures or of none; test on pictures with and without a class')
        if without and tuple(without) not in self._said:
            self._said.add(tuple(without))
            print_log(f'no AUROC of {", ".join(without)}: of {len(labels)} pictures none or all have the class; the mean is '
                      f'over the other {len(found)} classes', logger='current', level=logging.WARNING)
        return {'mean': float(np.mean(list(found.values()))), **found}


def _refuse_single_label(scores: np.ndarray, labels: np.ndarray) -> None:
    # The scores of a softmax sum to 1 for every image, in half precision within the tolerance; those of sigmoids do not.
    if (labels.sum(1) == 1).all() and np.allclose(scores.sum(1), 1, atol=2e-3):
        raise ConfigError('mmmux.AUROC is for heads that score each class by itself (mmmux.MultiLabelLinearClsHead), and here '
                          "each picture has one label and scores with the sum 1: set test_evaluator to dict(type='Accuracy')")
