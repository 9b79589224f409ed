"""Data sets and transforms that check their input and report errors in one sentence.

The detection classes need mmdet, the segmentation classes mmseg, and the classification classes mmpretrain with torchvision.
Classes whose package is not installed are not defined. A class and its package are imported when the class is first used.
"""
from importlib.util import find_spec

from mmmux.utils.installed import has_classification
from mmmux.utils.lazy_names import lazy_names

_MODULES = {'channels': ['LoadChannels', 'LoadChannelsOrSkip'], 'loading': ['LoadImage', 'LoadImageOrSkip'],
            'picture_list': ['PictureList']}
if find_spec('mmdet') is not None:
    _MODULES.update(coco=['CocoDataset'], tiles=['CutTiles'], voc=['VOCDataset'])
if find_spec('mmseg') is not None:
    _MODULES.update(label_maps=['LoadLabelMap', 'LoadLabelMapOrSkip'],
                    segmentation=['ADE20KDataset', 'CityscapesDataset', 'SegDataset'])
if has_classification():
    _MODULES.update(chest_xray14=['ChestXray14'], cifar=['CIFAR10', 'CIFAR100'], cifar_auto_augment=['CIFARAutoAugment'],
                    classification=['ImageFolder', 'ImageNet'])

__getattr__, __dir__, __all__ = lazy_names(__name__, _MODULES)
