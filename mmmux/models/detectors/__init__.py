"""Wrappers of mmdet's detectors; they and mmdet are imported when they are first used."""
from importlib.util import find_spec

from mmmux.utils.lazy_names import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__, {'tiled': ['TiledDetector']} if find_spec('mmdet') is not None else {})
