"""Read YOLO text files as labelling tools export them."""
import tempfile
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import numpy as np
import yaml

from mmmux.utils.errors import DatasetError, in_a_line

from .labelled import Export, Labelled, detection_dataset
from .tree import Tree, split_of

_NAME_LISTS = ('classes.txt', 'obj.names', '_darknet.labels')  # of Label Studio, CVAT and Roboflow: a class name on each line
_PICTURE_FOLDERS = ('images', 'JPEGImages', 'imgs', 'img')
_AT_ONCE = 100  # supervision makes a mask of each polygon, as large as the picture, so that many at once need much memory


def class_file(tree: Tree) -> Path | None:
    """Return the relative path of the file that names the classes: `data.yaml`, or a list of names; None if it has neither."""
    for path in tree.files('.yaml', '.yml', '.txt', '.names', '.labels'):
        if path.name in _NAME_LISTS or (path.suffix.lower() in ('.yaml', '.yml') and 'names' in _yaml(tree, path)):
            return path
    return None


def read_yolo(tree: Tree, names: Path) -> Export:
    """Read the label files of all pictures: beside them, or in a folder `labels` where theirs is `images`.

    A picture without label file in a folder with others has no objects. Of polygons the box is taken.

    Args:
        tree (Tree): The pictures.
        names (Path): From :func:`class_file`.

    Returns:
        Export: The pictures.

    Raises:
        DatasetError: The class names or a label file are not valid.
    """
    content = _content(tree, names)
    export = Export(f'YOLO text files (classes of {names})', tuple(map(str, content['names'])))
    named = _named_splits(tree, names)
    for (folder, labels), pictures in _folders(tree, export).items():
        for picture in _read(tree, folder, labels, pictures, content, export):
            export.add(named.get(picture.path) or split_of(folder), [picture])
    if not export.splits:
        raise DatasetError(f'{tree.root} names classes in {names} and has no label files: they are looked for beside the '
                           "pictures, and in folders 'labels' beside the folders 'images'")
    return export


def _yaml(tree: Tree, path: Path) -> Mapping:
    try:
        content = yaml.safe_load((tree.root / path).read_text(encoding='utf-8-sig'))
    except (OSError, ValueError, yaml.YAMLError):
        return {}
    return content if isinstance(content, Mapping) else {}


def _content(tree: Tree, path: Path) -> dict:
    if path.suffix.lower() in ('.yaml', '.yml'):
        content = dict(_yaml(tree, path))
        if isinstance(content['names'], Mapping):
            content['names'] = [content['names'][key] for key in sorted(content['names'], key=lambda key: int(str(key)))]
    else:
        lines = (tree.root / path).read_text(encoding='utf-8-sig').splitlines()
        content = dict(names=[line.strip() for line in lines if line.strip()])
    if not isinstance(content['names'], list) or not content['names']:
        raise DatasetError(f'{path} names no classes: names must be a list, got {in_a_line(repr(content["names"]))}')
    return {key: content[key] for key in ('names', 'kpt_shape') if key in content}


def _named_splits(tree: Tree, names: Path) -> dict[Path, str]:
    """Return the split of each picture that `train`, `val` or `test` of a data.yaml names, by a folder or a list of files."""
    content, found = _yaml(tree, names), {}
    for split in ('train', 'val', 'test'):
        entries = content.get(split) or ()
        for entry in [entries] if isinstance(entries, str) else entries:
            for picture in _pictures_of(tree, names.parent, str(content.get('path') or ''), str(entry)):
                found.setdefault(picture, split)
    return found


def _pictures_of(tree: Tree, folder: Path, base: str, entry: str) -> list[Path]:
    # The paths are relative to `path`, or to the file, or to a folder above it, and often not those of this machine.
    parts = [part for part in PurePosixPath(entry.replace('\\', '/')).parts if part not in ('..', '.', '/')]
    for place in (folder / base / Path(*parts), folder / Path(*parts), Path(*parts)):
        path = tree.root / place
        if path.is_dir() and not place.is_absolute():
            return [picture for picture in tree.pictures if place in picture.parents]
        if path.is_file() and path.suffix == '.txt':
            lines = path.read_text(encoding='utf-8-sig').split('\n')
            return [picture for line in lines if line.strip() and (picture := tree.find(line.strip(), place))]
    return []


def _folders(tree: Tree, export: Export) -> dict[tuple[Path, Path], list[Path]]:
    """Return the pictures by their folder and the folder of their label files."""
    by_folder = defaultdict(list)
    for picture in tree.pictures:
        by_folder[picture.parent].append(picture)
    found = {}
    for folder, pictures in by_folder.items():
        labels = next((place for place in _label_folders(folder)
                       if any((tree.root / place / f'{picture.stem}.txt').is_file() for picture in pictures)), None)
        if labels is None:
            export.left_out[f'pictures of {folder}/, which has no label files'] += len(pictures)
        else:
            found[folder, labels] = pictures
    return found


def _label_folders(folder: Path) -> list[Path]:
    parts = list(folder.parts)
    swapped = [Path(*parts[:place], 'labels', *parts[place + 1:]) for place in reversed(range(len(parts)))
               if parts[place] in _PICTURE_FOLDERS]
    return [*swapped, folder / 'labels', folder]


def _read(tree: Tree, folder: Path, labels: Path, pictures: list[Path], content: dict, export: Export) -> list[Labelled]:
    found, dataset_type = [], detection_dataset()
    for start in range(0, len(pictures), _AT_ONCE):
        part = pictures[start:start + _AT_ONCE]
        with tempfile.TemporaryDirectory() as linked:
            names = Path(linked) / 'data.yaml'
            names.write_text(yaml.safe_dump(content, allow_unicode=True), encoding='utf-8')
            for picture in part:
                (Path(linked) / picture.name).symlink_to((tree.root / picture).resolve())
            try:
                dataset = dataset_type.from_yolo(linked, str(tree.root / labels), str(names))
            except (ValueError, OSError) as error:
                said = in_a_line(str(error).replace(linked, str(folder)), 500).rstrip('.')
                raise DatasetError(f'{said} ({export.format}: {", ".join(export.classes)})') from None
        for name, boxes in dataset.annotations.items():
            numbers = np.zeros(0, int) if boxes.class_id is None else boxes.class_id
            found.append(Labelled(folder / Path(name).name, boxes.xyxy, numbers, np.zeros(len(numbers), bool)))
    return found
