"""Small data sets that are written picture by picture, with the flaws that a test asks for."""
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
from PIL import Image


class VOCFolder:
    """A data set in VOC layout that is written picture by picture, with the flaws that a test asks for."""

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
        """Write a picture of noise and its boxes (class, xmin, ymin, xmax, ymax, difficult), corners counted from 1."""
        noise = np.random.default_rng(len(name)).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
        Image.fromarray(noise).save(self.picture(name, extension), **save)
        root = ET.Element('annotation')
        for cls, *corners in boxes:
            element = ET.SubElement(root, 'object')
            ET.SubElement(element, 'name').text = cls
            ET.SubElement(element, 'difficult').text = str(corners[4] if len(corners) > 4 else 0)
            box = ET.SubElement(element, 'bndbox')
            for side, corner in zip(('xmin', 'ymin', 'xmax', 'ymax'), corners):
                ET.SubElement(box, side).text = str(corner)
        ET.ElementTree(root).write(self.annotation(name))
        with open(self.split, 'a') as file:
            file.write(name + '\n')
        return self.picture(name, extension)

    def read(self, **changes):
        """The data set, as a config builds it."""
        from mmdet.registry import DATASETS
        return DATASETS.build({
            'type': 'mmmux.VOCDataset', 'data_root': str(self.root), 'ann_file': 'VOC2007/ImageSets/Main/trainval.txt',
            'data_prefix': dict(sub_data_root='VOC2007/'), 'metainfo': dict(classes=('cell', 'dot')), 'pipeline': [],
            **changes})


class SegFolder:
    """A data set in ADE20K's layout that is written picture by picture, with the flaws that a test asks for."""

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
        """Write a picture of noise, as large as its label map (an array or a Pillow image) unless it has a size (W, H)."""
        labels = labels if isinstance(labels, Image.Image) else Image.fromarray(np.array(labels, np.uint8))
        noise = np.random.default_rng(0).integers(0, 256, (*(size or labels.size)[::-1], 3), dtype=np.uint8)
        Image.fromarray(noise).save(self.picture(name, suffixes[0]))
        labels.save(self.label_map(name, suffixes[1]))
        return self.label_map(name, suffixes[1])

    def read(self, **changes):
        """The data set, as a config builds it: three classes."""
        from mmseg.registry import DATASETS
        arguments = {
            'type': 'mmmux.SegDataset', 'data_root': str(self.root), 'data_prefix': self.prefix, 'pipeline': [],
            'metainfo': dict(classes=('sky', 'road', 'tree')),
            'serialize_data': False,  # as mmengine collects Python's garbage after it
            **changes}
        return DATASETS.build({key: value for key, value in arguments.items() if value is not None})
