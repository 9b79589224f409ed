import logging
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from mmengine.logging import MMLogger
from PIL import Image


@pytest.fixture
def log(caplog):
    """What mmengine's logger warns of; it does not pass its records on to Python's root logger."""
    logger = MMLogger.get_current_instance()
    caplog.set_level(logging.WARNING)
    logger.addHandler(caplog.handler)
    yield caplog
    logger.removeHandler(caplog.handler)


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


@pytest.fixture
def voc(tmp_path):
    return VOCFolder(tmp_path / 'data')


@pytest.fixture
def good(voc):
    """A folder with one picture that nothing is wrong with."""
    voc.add('good', ('cell', 11, 11, 31, 41))
    return voc
