"""Register data sets and transforms that check their input and report errors in one sentence.

The detection classes need mmdet, the segmentation classes mmseg, and the classification classes mmpretrain with torchvision.
Classes whose package is not installed are not defined.
"""
from importlib.util import find_spec

from mmmux.utils.installed import has_classification

from .loading import LoadImage, LoadImageOrSkip

__all__ = ['LoadImage', 'LoadImageOrSkip']

if find_spec('mmdet') is not None:
    from .coco import CocoDataset
    from .voc import VOCDataset

    __all__ += ['CocoDataset', 'VOCDataset']

if find_spec('mmseg') is not None:
    from .label_maps import LoadLabelMap, LoadLabelMapOrSkip
    from .segmentation import ADE20KDataset, CityscapesDataset, SegDataset

    __all__ += ['ADE20KDataset', 'CityscapesDataset', 'LoadLabelMap', 'LoadLabelMapOrSkip', 'SegDataset']

if has_classification():
    from .chest_xray14 import ChestXray14
    from .cifar_auto_augment import CIFARAutoAugment
    from .classification import CIFAR10, CIFAR100, ImageFolder, ImageNet

    __all__ += ['CIFAR10', 'CIFAR100', 'CIFARAutoAugment', 'ChestXray14', 'ImageFolder', 'ImageNet']
