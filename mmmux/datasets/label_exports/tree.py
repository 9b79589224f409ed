"""Find the pictures of an export, and the split that a folder or file is named after."""
import re
from collections import defaultdict
from pathlib import Path, PurePosixPath

PICTURES = ('.jpg', '.jpeg', '.png', '.bmp', '.tif', '.tiff', '.webp')
ALL = 'all'  # of an export that is not split
_SPLITS = {'train': 'train|training', 'val': 'val|valid|validation|dev', 'test': 'test|testing'}
# Such as train, obj_train_data, instances_val2017.
_NAMED = {split: re.compile(rf'(?:^|[_\W])(?:{words})(?:\d+)?(?:[_\W]|$)', re.IGNORECASE) for split, words in _SPLITS.items()}


def split_of(path: PurePosixPath | Path) -> str:
    """Return the split that the last telling part of a relative path names: 'train', 'val', 'test', or 'all' if none does."""
    for part in reversed(path.parts):
        for split, pattern in _NAMED.items():
            if pattern.search(part):
                return split
    return ALL


class Tree:
    """The picture files below a folder.

    Args:
        root (Path): The folder.

    Attributes:
        root (Path): The folder.
        pictures (list[Path]): Relative paths of its pictures, sorted; hidden files and folders are left out.
    """

    def __init__(self, root: Path):
        self.root = root
        self.pictures = [path.relative_to(root) for path in sorted(root.rglob('*')) if path.suffix.lower() in PICTURES]
        self.pictures = [path for path in self.pictures if not _is_hidden(path) and (root / path).is_file()]
        self._by_name = defaultdict(list)
        for path in self.pictures:
            self._by_name[path.name].append(path)

    def find(self, name: str, near: Path) -> Path | None:
        """Return the picture that an annotation file names.

        Annotation files name pictures relative to themselves, to the export, to a folder of pictures, or to the server of the
        labelling tool. Of several pictures with the file name, the one is taken whose folders agree with most of the named
        ones, counted from the end. A picture in a folder of another split is another picture.

        Args:
            name (str): Name in the annotation file.
            near (Path): Path of the annotation file, relative to the root.
        """
        parts = [part for part in PurePosixPath(name.replace('\\', '/')).parts if part not in ('..', '/')]
        if not parts:
            return None
        split = split_of(PurePosixPath(*parts[:-1]))
        split = split_of(near) if split == ALL else split

        def agreement(path: Path) -> tuple[int, bool, bool]:
            equal = 0
            for ours, theirs in zip(reversed(path.parts), reversed(parts)):
                if ours != theirs:
                    break
                equal += 1
            return equal, split_of(path.parent) == split, path.parent == near.parent

        fits = [path for path in self._by_name.get(parts[-1], ()) if ALL in (split, split_of(path.parent)) or
                split_of(path.parent) == split]
        return max(fits, key=agreement, default=None)

    def files(self, *suffixes: str) -> list[Path]:
        """Return the relative paths of files with some suffixes, those in the fewest folders first."""
        found = [path.relative_to(self.root) for path in self.root.rglob('*') if path.suffix.lower() in suffixes]
        return sorted((path for path in found if not _is_hidden(path)), key=lambda path: (len(path.parts), path))


def _is_hidden(path: Path) -> bool:
    return any(part.startswith('.') or part == '__MACOSX' for part in path.parts)
