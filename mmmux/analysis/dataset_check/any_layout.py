"""Check a data set of any OpenMMLab package through its data infos."""
import os.path as osp
from collections.abc import Iterable

import numpy as np

from mmmux.datasets.exclude_list import relative_name

from .findings import UNREADABLE_PICTURE, Finding, Reading
from .layout import Layout, distinct


class AnyLayout(Layout):
    """The layout of a data set without a layout of its own: images are decoded and compared, labels are counted as given.

    Only the images that the data set keeps after loading are read.
    """

    READS_ALL_AT_START = True

    def __init__(self, dataset):
        super().__init__(dataset)
        dataset.full_init()
        self.classes = distinct(dataset.metainfo.get('classes') or ())
        self.root = dataset.data_root or ''
        self.names = [self._name(index) for index in range(len(dataset))]
        self.COUNTED = 'boxes' if len(dataset) and 'instances' in self.info(0) else 'pictures'
        for reason, names in getattr(getattr(dataset, 'left_out', None), 'names', {}).items():
            self.findings += [Finding(UNREADABLE_PICTURE, '', f'{name}: {reason}', (name, )) for name in names
                              if name not in dataset.unwanted]
        if not type(dataset).__module__.startswith('mmmux.'):
            self.notes.append(f'{type(dataset).__name__} is a class of another package: its pictures are decoded and compared '
                              'with each other, and its annotations are counted, but not checked')

    def _name(self, index: int) -> str:
        path = self.info(index).get('img_path')
        if path is None:
            return f'picture {index}'
        if hasattr(self.dataset, 'leave_out'):  # ChestXray14, whose lists have file names without folders
            return osp.basename(path)
        return relative_name(path, self.root) if '://' not in path else path

    def info(self, index: int) -> dict:
        """Return the data set's data info of an image."""
        return self.dataset.get_data_info(index)

    def examine(self, index: int, info: dict, image: np.ndarray | None, reading: Reading) -> None:
        """Count the classes of an image, and the sizes of its boxes in pixels."""
        labels = info.get('gt_label')
        if labels is not None:
            labels = labels if isinstance(labels, Iterable) else [labels]
            reading.counts = {int(label): 1 for label in np.ravel(list(labels))}
        sizes = []
        for instance in info.get('instances') or ():
            if 'bbox_label' in instance:
                label = int(instance['bbox_label'])
                reading.counts[label] = reading.counts.get(label, 0) + 1
            if 'bbox' in instance and image is not None:
                x1, y1, x2, y2 = instance['bbox']
                side = np.sqrt(max(0, x2 - x1) * max(0, y2 - y1))
                sizes.append((side, side / np.sqrt(image.shape[0] * image.shape[1])))
        if 'instances' in info:
            reading.boxes = np.array(sizes, np.float32).reshape(-1, 2)
