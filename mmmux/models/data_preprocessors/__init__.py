"""Data preprocessors that the OpenMMLab packages lack; they and their package are imported when they are first used."""
from importlib.util import find_spec

from mmmux.utils.lazy_names import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__, {'det_data_preprocessor': ['DetDataPreprocessor']} if find_spec('mmdet') is not None else {})
