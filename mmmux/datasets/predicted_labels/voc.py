"""Write boxes as PASCAL VOC annotations."""
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from mmmux.utils.atomic_write import write_text

from .writer import LabelWriter, Objects


class VOCFiles(LabelWriter):
    """Write `Annotations/<image>.xml`, and the list of all images, `ImageSets/Main/predicted.txt`.

    VOC counts pixels from 1, so that the left upper corner of the image is (1, 1). Scores are not written: VOC has none.

    Args:
        folder: as in :class:`LabelWriter`.
        classes: the class names.
    """

    def __init__(self, folder: Path, classes: Sequence[str]):
        super().__init__(folder, classes)
        self._names = []

    def add(self, name: Path, size: tuple[int, int], prediction: Objects) -> None:
        """Write the annotation of one image, see :meth:`LabelWriter.add`."""
        self._names.append(name.with_suffix('').as_posix())
        root = ElementTree.Element('annotation')
        folder = '' if name.parent == Path() else name.parent.as_posix()
        for key, text in dict(folder=folder, filename=name.name).items():
            ElementTree.SubElement(root, key).text = text
        _add(root, 'size', width=size[0], height=size[1], depth=3)
        for box, label in zip(prediction.boxes.tolist(), prediction.labels.tolist()):
            element = _add(root, 'object', name=self.classes[label], pose='Unspecified', truncated=0, difficult=0)
            _add(element, 'bndbox', **{side: round(value + 1, 2) for side, value in zip(('xmin', 'ymin', 'xmax', 'ymax'), box)})
        ElementTree.indent(root)
        ElementTree.ElementTree(root).write(self.path(name, '.xml', 'Annotations'), encoding='utf-8')

    def close(self) -> None:
        """Write the list of images."""
        path = self.folder / 'ImageSets/Main/predicted.txt'
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, ''.join(f'{name}\n' for name in self._names))


def _add(parent: ElementTree.Element, tag: str, **values) -> ElementTree.Element:
    element = ElementTree.SubElement(parent, tag)
    for key, value in values.items():
        ElementTree.SubElement(element, key).text = str(value)
    return element
