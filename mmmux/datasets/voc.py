"""Detection data set in PASCAL VOC layout, for any classes, that tolerates and reports the defects of real data."""
import math
import os.path as osp
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, ParseError

import defusedxml.ElementTree
from mmdet.datasets import VOCDataset as MMDetVOCDataset
from mmdet.datasets import XMLDataset
from mmengine.fileio import list_from_file

from mmmux.registry import DATASETS
from mmmux.utils.errors import ConfigError, DatasetError, in_a_line

from .exclude_list import LeavesOut
from .image_checks import picture_size
from .loading_bar import loading_bar
from .paused_collector import collector_paused
from .regular_file import size_of_file
from .skip_report import LeftOut

_EXTENSIONS = ('.jpg', '.jpeg', '.png', '.JPG', '.JPEG', '.PNG')
# Shortest side of a usable box, in pixels: a shorter one can round to 0 in float32, and the box coder then computes log(0).
SHORTEST_SIDE = 0.01
MOST_ANNOTATION_BYTES = 2**22  # largest annotation file that is read; about twenty thousand boxes
_SIDES = ('xmin', 'ymin', 'xmax', 'ymax')
_LONGEST_NAME = 1000
_CLASS_COLUMN = re.compile(r'(\S+)\s+(?:-1|0|1)')


class Box(NamedTuple):
    """One annotated object.

    Attributes:
        name: class name.
        corners: (xmin, ymin, xmax, ymax) in pixels counted from 1, as VOC writes them.
        difficult: whether VOC's `difficult` flag is set.
    """
    name: str
    corners: tuple[float, float, float, float]
    difficult: bool


@DATASETS.register_module()
class VOCDataset(LeavesOut, XMLDataset):
    """Data set in PASCAL VOC layout: `Annotations/*.xml`, `JPEGImages/*`, and a split file that lists names.

    In contrast to mmdet's VOCDataset, it logs the excluded images and boxes once, with counts, and refuses to be empty:

    * boxes without area, or outside the image, are excluded; boxes that cross the border are clipped;
    * in training, an image that is missing, truncated, too small or without a readable annotation is excluded; in testing it
      is an error, because excluding it would change the score;
    * a class that is neither in `metainfo.classes` nor in `ignored_classes` is an error, because it is usually a misspelling.

    The table of average precisions lists the classes of `metainfo`; the name of the folder has no effect.

    Args:
        *args: positional arguments of mmdet's XMLDataset.
        ignored_classes (Sequence[str]): classes whose boxes are excluded on purpose. Default: ().
        metainfo (Mapping, optional): with `classes`, a tuple of names or a text file with a name per line. Default: VOC's 20.
        leave_out (str, optional): text file of images to exclude, named as in the split file
            (:mod:`mmmux.datasets.exclude_list`). Default: None.
        **kwargs: further arguments of mmdet's XMLDataset. `filter_cfg` may have `filter_empty_gt` (bool), and `min_size` and
            `bbox_min_size`, both in pixels.

    Raises:
        ConfigError: `metainfo.classes` is not valid.
        UnknownClassError: an annotation has a class that the config does not name.
        DatasetError: the data cannot be used; the message names the file.
    """

    METAINFO = MMDetVOCDataset.METAINFO

    def __init__(self, *args, ignored_classes: Sequence[str] = (), metainfo: Mapping | None = None, **kwargs):
        self.ignored_classes = frozenset(ignored_classes)
        metainfo = dict(metainfo or {})
        if 'classes' in metainfo:
            classes = metainfo['classes']
            if isinstance(classes, str) and osp.isfile(classes):  # mmengine accepts a file with a name on each line
                classes = metainfo['classes'] = list_from_file(classes)
            if isinstance(classes, str) or not classes:
                raise ConfigError('metainfo.classes must be a tuple of class names or a file of them, got '
                                  f"{classes!r} (one class: ('name',))")
            # VOC's palette has 20 colours; for other classes, None makes mmdet generate one.
            metainfo.setdefault('palette', None if tuple(classes) != self.METAINFO['classes'] else
                                self.METAINFO['palette'])
        super().__init__(*args, metainfo=metainfo, **kwargs)

    def load_data_list(self) -> list[dict]:
        """Read every annotation of the split, in order.

        Returns:
            list[dict]: mmdet's data infos: `img_path`, `img_id`, `xml_path`, `height` and `width` in pixels, and `instances`.

        Raises:
            UnknownClassError: an annotation has a class that the config does not name.
            DatasetError: no image can be used or, in testing, one image cannot be used.
        """
        self.cat2label = {name: label for label, name in enumerate(self.metainfo['classes'])}
        self.left_out = LeftOut(self.ann_file)
        names = self.without_listed(self.read_split(), self.left_out)
        with collector_paused():
            data_list = [info for name in loading_bar(names) if (info := self._usable(name)) is not None]
        self.left_out.report()
        if not data_list:
            why = f': left out {self.left_out.summary()}' if self.left_out else ': the list is empty'
            raise DatasetError(f'{self.ann_file} gives no picture that can be used{why}')
        return data_list

    def read_split(self) -> list[str]:
        """Return the image names that the split file lists, in order.

        Raises:
            DatasetError: the file is missing, is not UTF-8 text, or lists a name that is no path inside the data set.
        """
        if not osp.isfile(self.ann_file):
            raise DatasetError(f"split file {self.ann_file} does not exist: put the data there, or set the data set's "
                               f'data_root ({self.data_root!r} now) and ann_file')
        try:
            with open(self.ann_file, encoding='utf-8-sig') as file:
                lines = [line.strip() for line in file if line.strip()]
        except UnicodeDecodeError as error:
            raise DatasetError(f'split file {self.ann_file} is not a text file in UTF-8 ({error})') from None
        # VOC's per-class split files have a second column of -1, 0 or 1; in other files, names may contain spaces.
        columns = [_CLASS_COLUMN.fullmatch(line) for line in lines]
        names = [column[1] for column in columns] if all(columns) else lines
        for name in names:
            if not name.isprintable() or len(name) > _LONGEST_NAME or '..' in name.split('/') or osp.isabs(name):
                raise DatasetError(f"split file {self.ann_file} lists '{in_a_line(name)}', which is not the name of a picture "
                                   'inside the data set: correct that line')
        return names

    def _usable(self, name: str) -> dict | None:
        """Return the data info of an image; if it cannot be used, count it and return None, or raise in testing."""
        try:
            return self._read(name)
        except DatasetError as error:
            if self.test_mode:
                raise DatasetError(f'{error}; it is listed in {self.ann_file}, and leaving it out would change the score: '
                                   'repair it, or remove its name from that list') from None
            self.left_out.add(str(error).removeprefix(f'{name}: '), name)
            return None

    def _read(self, name: str) -> dict:
        xml_path, img_path = self.annotation_path(name), self.picture_path(name)
        try:
            width, height = picture_size(img_path)
        except DatasetError as error:
            raise DatasetError(f'{name}: picture {error}') from None
        if not self.test_mode and min(width, height) < self._filter('min_size', 0):
            raise DatasetError(f'{name}: picture smaller than {self._filter("min_size", 0)} pixels')
        instances = self._instances(name, read_annotation(xml_path, name), width, height)
        if all(box['ignore_flag'] for box in instances) and not self.test_mode and self._filter('filter_empty_gt', False):
            raise DatasetError(f'{name}: picture without boxes')
        return dict(img_path=img_path, img_id=name, xml_path=xml_path, height=height, width=width, instances=instances)

    def annotation_path(self, name: str) -> str:
        """Return the path of an image's annotation file, which may not exist."""
        return osp.join(self.sub_data_root, self.ann_subdir, f'{name}.xml')

    def picture_path(self, name: str) -> str:
        """Return the path of an image file: the first known suffix that exists, else the path with '.jpg'."""
        stem = osp.join(self.sub_data_root, self.img_subdir, name)
        return next((stem + extension for extension in _EXTENSIONS if osp.isfile(stem + extension)), stem + _EXTENSIONS[0])

    def _filter(self, key: str, default):
        return (self.filter_cfg or {}).get(key, default)

    def _instances(self, name: str, boxes: list[Box], width: int, height: int) -> list[dict]:
        instances, shortest_used = [], 0 if self.test_mode else self._filter('bbox_min_size', 0)
        for box in boxes:
            if box.name in self.ignored_classes:
                continue
            label = self.cat2label.get(box.name)
            if label is None:
                raise UnknownClassError(f"{name}.xml names the class '{in_a_line(box.name)}', which is not among "
                                        f'metainfo.classes ({", ".join(self.cat2label)}): add it there, or to ignored_classes '
                                        'to leave it out')
            x1, y1, x2, y2 = [corner - 1 for corner in box.corners]
            if x2 - x1 < SHORTEST_SIDE or y2 - y1 < SHORTEST_SIDE:
                self.left_out.add('boxes without area', name)
                continue
            x1, y1, x2, y2 = max(x1, 0), max(y1, 0), min(x2, width), min(y2, height)
            shortest = min(x2 - x1, y2 - y1)
            if shortest < SHORTEST_SIDE:
                self.left_out.add('boxes outside the picture', name)
                continue
            small = shortest < shortest_used
            if small:
                self.left_out.add(f'boxes smaller than {shortest_used} pixels', name)
            instances.append(dict(bbox=[x1, y1, x2, y2], bbox_label=label, ignore_flag=int(box.difficult or small)))
        return instances

    def filter_data(self) -> list[dict]:
        """Return all data infos: `load_data_list` has excluded the unusable images already."""
        return self.data_list


class UnknownClassError(ConfigError):
    """An annotation has a class that is neither in `metainfo.classes` nor in `ignored_classes`."""


class Annotation(NamedTuple):
    """The content of a VOC annotation file. Corners are not checked and may be NaN or infinite.

    Attributes:
        boxes: the annotated objects.
        size: (width, height) of the image in pixels; None if the file does not state it.
    """
    boxes: tuple[Box, ...]
    size: tuple[int, int] | None


def read_annotation(xml_path: str, name: str) -> list[Box]:
    """Read the objects of one VOC annotation file.

    Args:
        xml_path (str): the annotation file.
        name (str): the image name, for error messages.

    Returns:
        list[Box]: the objects; their corners are finite.

    Raises:
        DatasetError: the file is missing or is not a VOC annotation. The message begins with `name`.
    """
    boxes = list(parse_annotation(xml_path, name).boxes)
    if not all(math.isfinite(corner) for box in boxes for corner in box.corners):
        raise DatasetError(f'{name}: annotation cannot be read')
    return boxes


def parse_annotation(xml_path: str, name: str) -> Annotation:
    """Read one VOC annotation file without checking its values.

    Args:
        xml_path (str): the annotation file.
        name (str): the image name, for error messages.

    Raises:
        DatasetError: the file is missing, is too large, or is not a VOC annotation. The message begins with `name`.
    """
    try:
        size = size_of_file(xml_path)
        if size is None:
            raise FileNotFoundError
        if size > MOST_ANNOTATION_BYTES:
            raise DatasetError(f'{name}: annotation has more than {MOST_ANNOTATION_BYTES} bytes')
        with open(xml_path, 'rb') as file:
            root = _parse(file.read())
        return Annotation(tuple(_box(element) for element in root.iter('object')), _size(root.find('size')))
    except FileNotFoundError:
        raise DatasetError(f'{name}: annotation is missing') from None
    except (ParseError, ValueError, TypeError, AttributeError, LookupError, OSError) as error:
        if isinstance(error, DatasetError):
            raise
        raise DatasetError(f'{name}: annotation cannot be read') from None


def _parse(data: bytes) -> Element:
    """Parse an XML document that has no DOCTYPE, whose entities can expand to gigabytes or read other files.

    The parser gets the file in one piece: expat before 2.6 scans a long token from its beginning with every further piece.
    """
    # defusedxml takes twice the time of Python's own parser. Only a file that may have a DOCTYPE needs it, and such a file
    # contains b'<!', or zero bytes in UTF-16: expat's other encodings are ASCII-compatible.
    if b'<!' in data or b'\0' in data:
        return defusedxml.ElementTree.fromstring(data, forbid_dtd=True)
    return ElementTree.fromstring(data)


def _size(element: Element | None) -> tuple[int, int] | None:
    try:
        return round(float(element.find('width').text)), round(float(element.find('height').text))
    except (ValueError, TypeError, AttributeError, OverflowError):  # training does not use this size
        return None


def _box(element: Element) -> Box:
    box, difficult = element.find('bndbox'), element.findtext('difficult')
    corners = tuple([float(box.findtext(side)) for side in _SIDES])
    return Box(element.find('name').text.strip(), corners, difficult is not None and int(difficult) == 1)
