"""Heads that need mmdet; without mmdet there is nothing here."""
from importlib.util import find_spec

if find_spec('mmdet') is not None:
    from .ssd_head import SSDHead

    __all__ = ['SSDHead']
