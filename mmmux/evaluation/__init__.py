"""Metrics that the OpenMMLab packages lack: CocoMetric and VOCMetric need mmdet, IoUMetric needs mmseg.

A metric and its package are imported when the metric is first used.
"""
from importlib.util import find_spec

from mmmux.utils.lazy_names import lazy_names

_MODULES = {'auroc': ['AUROC']}
if find_spec('mmdet') is not None:
    _MODULES.update(coco_metric=['CocoMetric'], voc_metric=['VOCMetric'])
if find_spec('mmseg') is not None:
    _MODULES['iou_metric'] = ['IoUMetric']

__getattr__, __dir__, __all__ = lazy_names(__name__, _MODULES)
