"""Names of the files that hooks write for test pictures."""
import os.path as osp
from pathlib import Path

from mmmux.utils.errors import DatasetError


class PictureNames:
    """Name each file as its picture, in the same subfolders, and never two alike."""

    def __init__(self):
        self._written: dict[Path, str] = {}

    def name(self, picture: str, dataset) -> Path:
        """Return the name of the PNG file for a picture, relative to the folder that is written to.

        Args:
            picture: path of the picture.
            dataset: the data set of the test; its `data_prefix` may have the folder `img_path`.

        Raises:
            DatasetError: two pictures would get the same name.
        """
        root = (getattr(dataset, 'data_prefix', None) or {}).get('img_path')
        inside = root is not None and not osp.relpath(picture, root).startswith('..')
        name = Path(osp.relpath(picture, root) if inside else osp.basename(picture)).with_suffix('.png')
        if self._written.setdefault(name, picture) != picture:
            raise DatasetError(f'{self._written[name]} and {picture} would both be written as {name}: rename one of them, or '
                               'test one data set at a time')
        return name
