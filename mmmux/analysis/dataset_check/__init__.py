"""Read every image and annotation of a data set as training does, for `tools/analysis_tools/check_dataset.py`."""
from .reading import check

__all__ = ['check']
