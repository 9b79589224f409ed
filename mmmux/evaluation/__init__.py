"""Metrics that the OpenMMLab packages lack. Those for detection are registered if mmdet is installed, IoUMetric if mmseg is."""
from importlib.util import find_spec

from .auroc import AUROC

__all__ = ['AUROC']

if find_spec('mmdet') is not None:
    from .voc_metric import VOCMetric

    __all__ += ['VOCMetric']

if find_spec('mmseg') is not None:
    from .iou_metric import IoUMetric

    __all__ += ['IoUMetric']
