"""Write boxes as the text files of YOLO."""
from collections.abc import Sequence
from pathlib import Path

from mmmux.utils.atomic_write import write_text
from mmmux.utils.valid_json import dumps

from .writer import LabelWriter, Objects


class YOLOFiles(LabelWriter):
    """Write `labels/<image>.txt`, with a line `class x y width height` for each box, and `data.yaml` with the class names.

    x and y are the centre of the box; all four values are shares of the image's sides, 0 to 1. Scores are not written, because
    labelling tools take a sixth value for a part of a polygon.

    Args:
        folder: as in :class:`LabelWriter`.
        classes: the class names.
    """

    def __init__(self, folder: Path, classes: Sequence[str]):
        super().__init__(folder, classes)
        # A JSON list is a YAML list.
        names = dumps(self.classes, ensure_ascii=False)
        write_text(folder / 'data.yaml', f'path: .\ntrain: images\nval: images\nnc: {len(self.classes)}\nnames: {names}\n')

    def add(self, name: Path, size: tuple[int, int], prediction: Objects) -> None:
        """Write the boxes of one image, see :meth:`LabelWriter.add`."""
        width, height = size
        lines = []
        for (x1, y1, x2, y2), label in zip(prediction.boxes.tolist(), prediction.labels.tolist()):
            shares = (x1 + x2) / 2 / width, (y1 + y2) / 2 / height, (x2 - x1) / width, (y2 - y1) / height
            lines.append(' '.join([str(label), *(f'{share:.6f}' for share in shares)]) + '\n')
        self.path(name, '.txt', 'labels').write_text(''.join(lines))
