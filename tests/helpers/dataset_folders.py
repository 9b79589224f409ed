"""Write small data sets image by image, with the defects that a test needs."""
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
from PIL import Image


class VOCFolder:
    """Write a data set in PASCAL VOC layout image by image.

    Args:
        root: folder to write `VOC2007` into.
    """

    def __init__(self, root: Path):
        self.root = root
        for folder in ('JPEGImages', 'Annotations', 'ImageSets/Main'):
            (root / 'VOC2007' / folder).mkdir(parents=True)
        self.split = root / 'VOC2007/ImageSets/Main/trainval.txt'
        self.split.touch()

    def picture(self, name: str, extension: str = '.jpg') -> Path:
        return self.root / 'VOC2007/JPEGImages' / (name + extension)

    def annotation(self, name: str) -> Path:
        return self.root / 'VOC2007/Annotations' / f'{name}.xml'

    def add(self, name: str, *boxes: tuple, size: tuple[int, int] = (80, 60), extension: str = '.jpg', **save) -> Path:
        """Write an image of noise and its annotation, and append its name to the split file.

        Args:
            name: name of the image.
            *boxes: (class, xmin, ymin, xmax, ymax) or (..., difficult), in pixels counted from 1.
            size: (width, height) in pixels. Default: (80, 60).
            extension: suffix of the image file. Default: '.jpg'.
            **save: arguments of Pillow's `save`.

        Returns:
            Path of the image file.
        """
        noise = np.random.default_rng(len(name)).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
        Image.fromarray(noise).save(self.picture(name, extension), **save)
        root = ET.Element('annotation')
        for cls, *corners in boxes:
            element = ET.SubElement(root, 'object')
            ET.SubElement(element, 'name').text = cls
            ET.SubElement(element, 'difficult').text = str(corners[4] if len(corners) > 4 else 0)  # '' writes <difficult />
            box = ET.SubElement(element, 'bndbox')
            for side, corner in zip(('xmin', 'ymin', 'xmax', 'ymax'), corners):
                ET.SubElement(box, side).text = str(corner)
        ET.ElementTree(root).write(self.annotation(name))
        with open(self.split, 'a') as file:
            file.write(name + '\n')
        return self.picture(name, extension)

    def read(self, **changes):
        """Build the data set with mmmux.VOCDataset.

        Args:
            **changes: arguments to replace or add.
        """
        from mmdet.registry import DATASETS
        return DATASETS.build({
            'type': 'mmmux.VOCDataset', 'data_root': str(self.root), 'ann_file': 'VOC2007/ImageSets/Main/trainval.txt',
            'data_prefix': dict(sub_data_root='VOC2007/'), 'metainfo': dict(classes=('cell', 'dot')), 'pipeline': [],
            **changes})


class SegFolder:
    """Write a data set in ADE20K's layout image by image.

    Args:
        root: folder to write `images` and `annotations` into.
    """

    def __init__(self, root: Path):
        self.root = root
        self.prefix = dict(img_path='images/training', seg_map_path='annotations/training')
        for folder in self.prefix.values():
            (root / folder).mkdir(parents=True)

    def picture(self, name: str, suffix: str = '.jpg') -> Path:
        return self.root / self.prefix['img_path'] / (name + suffix)

    def label_map(self, name: str, suffix: str = '.png') -> Path:
        return self.root / self.prefix['seg_map_path'] / (name + suffix)

    def add(self, name: str, labels=((0, 1, 2), (2, 1, 0)), size: tuple[int, int] | None = None,
            suffixes: tuple[str, str] = ('.jpg', '.png')) -> Path:
        """Write an image of noise and its label map.

        Args:
            name: name of both files.
            labels: the label map, as an array (H, W) or a Pillow image.
            size: (width, height) of the image in pixels. Default: that of the label map.
            suffixes: suffixes of the image and of the label map. Default: ('.jpg', '.png').

        Returns:
            Path of the label map.
        """
        labels = labels if isinstance(labels, Image.Image) else Image.fromarray(np.array(labels, np.uint8))
        noise = np.random.default_rng(0).integers(0, 256, (*(size or labels.size)[::-1], 3), dtype=np.uint8)
        Image.fromarray(noise).save(self.picture(name, suffixes[0]))
        labels.save(self.label_map(name, suffixes[1]))
        return self.label_map(name, suffixes[1])

    def read(self, **changes):
        """Build the data set with mmmux.SegDataset and three classes.

        Args:
            **changes: arguments to replace or add; None removes one.
        """
        from mmseg.registry import DATASETS
        arguments = {
            'type': 'mmmux.SegDataset', 'data_root': str(self.root), 'data_prefix': self.prefix, 'pipeline': [],
            'metainfo': dict(classes=('sky', 'road', 'tree')),
            'serialize_data': False,  # after serialising, mmengine runs Python's garbage collector, which is slow
            **changes}
        return DATASETS.build({key: value for key, value in arguments.items() if value is not None})
