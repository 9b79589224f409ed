"""Heads for detection (defined if mmdet is installed) and classification (if mmpretrain and torchvision are installed).

A head and its package are imported when the head is first used.
"""
from importlib.util import find_spec

from mmmux.utils.installed import has_classification
from mmmux.utils.lazy_names import lazy_names

_MODULES = {}
if find_spec('mmdet') is not None:
    _MODULES['ssd_head'] = ['SSDHead']
if has_classification():
    _MODULES['linear_head'] = ['LinearClsHead', 'MultiLabelLinearClsHead']

__getattr__, __dir__, __all__ = lazy_names(__name__, _MODULES)
