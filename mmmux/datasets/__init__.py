"""Data sets and transforms that the OpenMMLab packages lack; those for detection need mmdet."""
from importlib.util import find_spec

from .loading import LoadImage, LoadImageOrSkip

__all__ = ['LoadImage', 'LoadImageOrSkip']

if find_spec('mmdet') is not None:
    from .coco import CocoDataset
    from .voc import VOCDataset

    __all__ += ['CocoDataset', 'VOCDataset']
