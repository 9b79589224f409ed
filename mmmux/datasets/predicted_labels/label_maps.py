"""Write predicted label maps."""
from pathlib import Path

from PIL import Image

from .writer import LabelWriter


class LabelMapFiles(LabelWriter):
    """Write `<image>.png` with a class number for each pixel, numbered as the data set's own label maps.

    Args:
        folder: as in :class:`LabelWriter`.
        classes: the class names.
    """

    def add(self, name: Path, size: tuple[int, int], prediction: Image.Image) -> None:
        """Write the label map of one image, see :meth:`LabelWriter.add`."""
        prediction.save(self.path(name, '.png'))
