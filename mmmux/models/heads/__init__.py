"""Heads for detection (registered if mmdet is installed) and classification (if mmpretrain and torchvision are installed)."""
from importlib.util import find_spec

from mmmux.utils.installed import has_classification

__all__ = []

if find_spec('mmdet') is not None:
    from .ssd_head import SSDHead

    __all__ += ['SSDHead']

if has_classification():
    from .linear_head import LinearClsHead, MultiLabelLinearClsHead

    __all__ += ['LinearClsHead', 'MultiLabelLinearClsHead']
