"""Write boxes in COCO's two formats: a data set, which labelling tools import, and results, which evaluators read."""
from collections.abc import Sequence
from pathlib import Path

from mmmux.utils.atomic_write import write_json

from .writer import LabelWriter, Objects


class CocoFiles(LabelWriter):
    """Write `annotations.json`, a COCO data set with a `score` in each annotation, and `results.json`, COCO results.

    The image and category numbers of the results are those of the data set; both start with 1.

    Args:
        folder: as in :class:`LabelWriter`.
        classes: the class names.
    """

    def __init__(self, folder: Path, classes: Sequence[str]):
        super().__init__(folder, classes)
        self._images, self._found = [], []

    def add(self, name: Path, size: tuple[int, int], prediction: Objects) -> None:
        """Keep the boxes of one image, see :meth:`LabelWriter.add`."""
        image_id = len(self._images) + 1
        self._images.append(dict(id=image_id, file_name=name.as_posix(), width=size[0], height=size[1]))
        for box, label, score in zip(prediction.boxes.tolist(), prediction.labels.tolist(), prediction.scores.tolist()):
            x1, y1, x2, y2 = (round(side, 2) for side in box)
            sides = [x1, y1, round(x2 - x1, 2), round(y2 - y1, 2)]
            self._found.append(dict(image_id=image_id, category_id=label + 1, bbox=sides, score=round(score, 5)))

    def close(self) -> None:
        """Write both files."""
        boxes = [dict(id=number, **found, area=round(found['bbox'][2] * found['bbox'][3], 2), iscrowd=0)
                 for number, found in enumerate(self._found, 1)]
        categories = [dict(id=number, name=name) for number, name in enumerate(self.classes, 1)]
        write_json(self.folder / 'annotations.json', dict(images=self._images, annotations=boxes, categories=categories))
        write_json(self.folder / 'results.json', self._found)
