"""Heads for the packages that are installed: detection needs mmdet, classification mmpretrain."""
from importlib.util import find_spec

__all__ = []

if find_spec('mmdet') is not None:
    from .ssd_head import SSDHead

    __all__ += ['SSDHead']

if find_spec('mmpretrain') is not None:
    from .linear_head import LinearClsHead, MultiLabelLinearClsHead

    __all__ += ['LinearClsHead', 'MultiLabelLinearClsHead']
