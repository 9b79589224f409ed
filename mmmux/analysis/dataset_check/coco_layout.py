"""Check a COCO annotation file, including the annotations that mmdet drops without a message."""
import json
import os.path as osp
from collections import Counter, defaultdict

import numpy as np
from mmengine.fileio import get_text

from mmmux.datasets.coco import CocoDataset
from mmmux.datasets.skip_report import LeftOut
from mmmux.utils.coco_file import complete_annotations, drop_namesakes
from mmmux.utils.errors import DatasetError, UserError

from .boxes import AnnotatedBox, Shortest, examine_boxes
from .findings import UNKNOWN_CLASS, UNREADABLE_ANNOTATION, Finding, Reading
from .layout import Layout, compare_sizes

_SHOWN = 5
_SHORTEST = Shortest(side=1, inside=1e-6)  # mmdet keeps a box if any part of it is inside the image


class CocoLayout(Layout):
    """The layout of :class:`mmmux.datasets.CocoDataset`: every image in the annotation file, before `filter_cfg` applies."""

    COUNTED = 'boxes'

    def __init__(self, dataset: CocoDataset):
        super().__init__(dataset)
        images, annotations, self.categories = read_file(dataset)
        kept = dataset.without_listed(images, LeftOut(dataset.ann_file), lambda image: image['file_name'])
        self.images = [(image['id'], image['file_name'], _size(image)) for image in kept]
        self.names = [name for _, name, _ in self.images]
        self.labels = {name: label for label, name in enumerate(self.classes)}
        self.annotations = self._by_picture(annotations, {image['id'] for image in images})
        for name in self.classes:
            if name not in self.categories.values():
                self.findings.append(Finding(UNKNOWN_CLASS, '', f"metainfo.classes names '{name}', which is not among the "
                                             f'categories of {dataset.ann_file} ({", ".join(self.categories.values())})'))

    def _by_picture(self, annotations: list[dict], pictures: set) -> dict[object, list]:
        """Group (category ID, bbox, area) by image ID, and report annotations of images that the file does not list.

        Args:
            annotations (list[dict]): the file's annotations.
            pictures (set): IDs of the images that the file lists.
        """
        found, lost, unused = defaultdict(list), [], Counter()
        for annotation in annotations:
            picture = annotation.get('image_id')
            if picture not in pictures:
                lost.append(picture)
            elif not annotation.get('ignore', False):
                category = annotation.get('category_id')
                if category in self.categories and self.categories[category] not in self.labels:
                    unused[self.categories[category]] += 1  # not a defect: the config selects a subset of the classes
                else:
                    found[picture].append((category, annotation.get('bbox'), annotation.get('area')))
        if lost:
            shown = ', '.join(str(number) for number in list(dict.fromkeys(lost))[:_SHOWN])
            self.findings.append(Finding(UNREADABLE_ANNOTATION, '', f'{self.dataset.ann_file} has {len(lost)} annotations of '
                                         f'pictures that it does not list (image_id {shown})', count=len(lost)))
        if unused:
            shown = ', '.join(f'{name} ({count})' for name, count in unused.items())
            self.notes.append(f'boxes of categories that metainfo.classes does not name are not used: {shown}')
        return found

    def info(self, index: int) -> dict:
        """Return a dict with `img_path`, the path of an image."""
        return dict(img_path=osp.join(self.dataset.data_prefix['img'], self.names[index]))

    def examine(self, index: int, info: dict, image: np.ndarray | None, reading: Reading) -> None:
        """Check the boxes of an image."""
        number, _, said = self.images[index]
        compare_sizes(said, 'the annotation file', image, reading)
        boxes = []
        for category, box, area in self.annotations.get(number, ()):
            name = self.categories.get(category, f'category {category}')
            try:
                x, y, width, height = (float(value) for value in box)
                float(area)
            except (TypeError, ValueError):
                reading.add(UNREADABLE_ANNOTATION, f"annotation of class '{name}' must have four numbers as its bbox and a "
                            f'number as its area, got {box} and {area}')
                continue
            if float(area) <= 0:  # mmdet excludes a box by its annotated area
                width = height = 0
            boxes.append(AnnotatedBox(name, (x, y, x + width, y + height), tuple(float(value) for value in box)))
        size = said if image is None else (image.shape[1], image.shape[0])
        examine_boxes(boxes, self.labels, size, _SHORTEST, reading)


def _size(image: dict) -> tuple[int, int] | None:
    width, height = image.get('width'), image.get('height')
    return (width, height) if isinstance(width, int) and isinstance(height, int) else None


def read_file(dataset: CocoDataset) -> tuple[list[dict], list[dict], dict]:
    """Read a COCO annotation file.

    Args:
        dataset (CocoDataset): has the path as `ann_file`.

    Returns:
        tuple[list[dict], list[dict], dict]: images, annotations, and the category names by category ID.

    Raises:
        DatasetError: the file is missing or malformed, or lists no images.
    """
    try:
        content = json.loads(get_text(dataset.ann_file, backend_args=dataset.backend_args))
        complete_annotations(content)
        drop_namesakes(content, dataset.ann_file)
        categories = {category['id']: category['name'] for category in content['categories']}
        images, annotations = list(content['images']), list(content['annotations'])
        for image in images:
            image['id'], image['file_name']
    except OSError as error:
        raise DatasetError(f'annotation file {dataset.ann_file} cannot be read ({error.strerror or error}): correct ann_file '
                           'or data_root') from None
    except UserError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DatasetError(f'{dataset.ann_file} is not a COCO annotation file: {type(error).__name__}: {error}') from None
    if not images:
        raise DatasetError(f"{dataset.ann_file} lists no pictures: its 'images' is empty")
    return images, annotations, categories
