"""Read annotation files in PASCAL VOC format, as many programs write them."""
import contextlib
import math
from typing import NamedTuple
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, ParseError

import defusedxml.ElementTree

from mmmux.utils.errors import DatasetError, in_a_line

from .regular_file import size_of_file

MOST_ANNOTATION_BYTES = 2**22  # largest annotation file that is read; about twenty thousand boxes
_SIDES = ('xmin', 'ymin', 'xmax', 'ymax')
# Besides 0 and 1, the words that labelling tools write as `difficult`, in lower case.
_FLAGS = {'0': False, '1': True, '': False, 'unspecified': False, 'false': False, 'true': True, 'no': False, 'yes': True}


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
    for box in boxes:
        for side, corner in zip(_SIDES, box.corners):
            if not math.isfinite(corner):
                raise DatasetError(f'{name}: annotation has {side} {corner}, which must be finite')
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
        return Annotation(tuple(_box(element, name) for element in root.iter('object')), _size(root.find('size')))
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


def _box(element: Element, name: str) -> Box:
    cls = (element.findtext('name') or '').strip()
    if not cls:
        raise DatasetError(f'{name}: annotation has an object without name')
    frame = element.find('bndbox')
    corners = tuple([_corner(frame, side, name) for side in _SIDES])
    return Box(cls, corners, _difficult(element.findtext('difficult'), name))


def _corner(frame: Element, side: str, name: str) -> float:
    text = frame.findtext(side)
    try:
        return float(text)
    except ValueError:
        raise DatasetError(f"{name}: annotation has {side} '{in_a_line(text)}', which is no number") from None


def _difficult(text: str | None, name: str) -> bool:
    word = (text or '').strip().lower()
    if word in _FLAGS:
        return _FLAGS[word]
    with contextlib.suppress(ValueError):
        if (number := float(word)) in (0, 1):
            return bool(number)
    raise DatasetError(f"{name}: annotation has difficult '{in_a_line(text)}', which must be 0 or 1")
