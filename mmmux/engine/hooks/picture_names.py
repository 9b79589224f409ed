"""Names of the files that hooks write for test pictures."""
import os.path as osp
from collections.abc import Iterator
from pathlib import Path

from mmmux.utils.errors import DatasetError


class PictureNames:
    """Name each file as its picture, in the same subfolders, and never two alike."""

    def __init__(self):
        self._written: dict[Path, str] = {}
        self._root: tuple = (None, None)

    def name(self, picture: str, dataset, suffix: str | None = '.png') -> Path:
        """Return the name of the file for a picture, relative to the folder that is written to.

        It is relative to the data set's folder of pictures; for a data set made of several, to the folder that holds them all.

        Args:
            picture: path of the picture.
            dataset: the data set of the test.
            suffix: suffix of the file; None keeps that of the picture.

        Raises:
            DatasetError: two pictures would get the same name.
        """
        if self._root[0] is not dataset:
            self._root = dataset, _common(list(_folders(dataset)))
        root = self._root[1]
        inside = root is not None and not osp.relpath(picture, root).startswith('..')
        name = Path(osp.relpath(picture, root) if inside else osp.basename(picture))
        name = name if suffix is None else name.with_suffix(suffix)
        if self._written.setdefault(name, picture) != picture:
            raise DatasetError(f'{self._written[name]} and {picture} would both be written as {name}: rename one of them, or '
                               'test one data set at a time')
        return name


def _folders(dataset) -> Iterator[str | None]:
    """Yield the folder of pictures of each data set inside wrappers such as ConcatDataset; None for one without a folder."""
    inner = getattr(dataset, 'datasets', None) or ([dataset.dataset] if hasattr(dataset, 'dataset') else [])
    for part in inner:
        yield from _folders(part)
    if not inner:
        prefix = getattr(dataset, 'data_prefix', None)
        prefix = prefix if isinstance(prefix, dict) else {}
        if 'sub_data_root' in prefix:  # mmdet's XMLDataset
            yield osp.join(prefix['sub_data_root'], getattr(dataset, 'img_subdir', ''))
        else:
            yield prefix.get('img_path', prefix.get('img'))


def _common(folders: list[str | None]) -> str | None:
    if None in folders:
        return None
    folders = list(dict.fromkeys(folders))
    return folders[0] if len(folders) == 1 else osp.commonpath([osp.abspath(folder) for folder in folders])
