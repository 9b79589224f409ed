"""Check a data set in PASCAL VOC layout, and report every defect of its images and annotations."""
import numpy as np

from mmmux.datasets.skip_report import LeftOut
from mmmux.datasets.voc import SHORTEST_SIDE, VOCDataset
from mmmux.datasets.voc_annotation import parse_annotation
from mmmux.utils.errors import DatasetError

from .boxes import AnnotatedBox, Shortest, examine_boxes
from .findings import UNREADABLE_ANNOTATION, Reading
from .layout import Layout, compare_sizes


class VOCLayout(Layout):
    """The layout of :class:`mmmux.datasets.VOCDataset`: every image in the split file, before `filter_cfg` applies."""

    COUNTED = 'boxes'
    READS_ALL_AT_START = True

    def __init__(self, dataset: VOCDataset):
        super().__init__(dataset)
        self.names = dataset.without_listed(dataset.read_split(), LeftOut(dataset.ann_file))
        self.labels = {name: label for label, name in enumerate(self.classes)}

    def info(self, index: int) -> dict:
        """Return a dict with `img_path`, the path of an image."""
        return dict(img_path=self.dataset.picture_path(self.names[index]))

    def examine(self, index: int, info: dict, image: np.ndarray | None, reading: Reading) -> None:
        """Read the XML file of an image, and check its size and its boxes."""
        try:
            annotation = parse_annotation(self.dataset.annotation_path(reading.name), reading.name)
        except DatasetError as error:
            reading.add(UNREADABLE_ANNOTATION, str(error).removeprefix(f'{reading.name}: '))
            return
        compare_sizes(annotation.size, '<size> of its XML file', image, reading)
        # VOC counts pixels from 1.
        boxes = [AnnotatedBox(box.name, tuple(corner - 1 for corner in box.corners), box.corners) for box in annotation.boxes
                 if box.name not in self.dataset.ignored_classes]
        size = None if image is None else (image.shape[1], image.shape[0])
        examine_boxes(boxes, self.labels, size, Shortest(SHORTEST_SIDE, SHORTEST_SIDE), reading)
