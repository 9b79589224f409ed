"""Read COCO annotation files as labelling tools export them."""
import contextlib
import json
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from mmmux.utils.errors import DatasetError, in_a_line
from mmmux.utils.valid_json import dumps

from .labelled import Export, Labelled, detection_dataset
from .tree import Tree, split_of

WRITTEN_HERE = 'written by convert_labels.py'  # `info.description` of our own files, which are no export
_PARTS = ('images', 'annotations', 'categories')


def coco_files(tree: Tree) -> dict[Path, dict]:
    """Return the content of all COCO annotation files of an export, by their relative path."""
    found = {}
    for path in tree.files('.json'):
        try:
            content = json.loads((tree.root / path).read_text(encoding='utf-8-sig'))
        except (OSError, ValueError, RecursionError):
            continue  # of another format
        if isinstance(content, dict) and all(isinstance(content.get(part), list) for part in _PARTS):
            info = content.get('info')
            if not isinstance(info, Mapping) or info.get('description') != WRITTEN_HERE:
                found[path] = content
    return found


def written_here(path: Path) -> bool:
    """Return whether a file is an annotation file that the converter wrote."""
    try:
        content = json.loads(path.read_text(encoding='utf-8-sig'))
    except (OSError, ValueError, RecursionError):
        return False
    info = content.get('info') if isinstance(content, dict) else None
    return isinstance(info, Mapping) and info.get('description') == WRITTEN_HERE


def read_coco(tree: Tree, files: Mapping[Path, dict]) -> Export:
    """Read COCO annotation files, one for each split.

    A category without annotations that only groups others, such as Roboflow's first one, is no class. Categories of the same
    name are one class.

    Args:
        tree (Tree): The pictures.
        files (Mapping[Path, dict]): From :func:`coco_files`.

    Returns:
        Export: The pictures that are in the export. Polygons and masks are left out, their boxes are kept.

    Raises:
        DatasetError: A file is not valid.
    """
    dataset_type = detection_dataset()
    groups, used, names = set(), set(), {}
    for path, content in files.items():
        with _valid(path):
            categories = sorted(content['categories'], key=lambda category: category['id'])
            by_id = {category['id']: category['name'] for category in categories}
            groups |= {each.get('supercategory') for each in categories if each.get('supercategory') != each['name']}
            used |= {by_id[annotation['category_id']] for annotation in content['annotations']}
            names.update(dict.fromkeys(by_id.values()))
    classes = tuple(name for name in names if name in used or name not in groups)
    export = Export(f'COCO ({", ".join(map(str, files))})', classes)
    listed = {}
    for path, content in files.items():
        with _valid(path):
            pictures = _read(tree, path, content, export, dataset_type)
        # COCO itself has the boxes and the keypoints of the same pictures in two files.
        again = [picture for picture in pictures if picture.path in listed]
        for picture in again:
            export.left_out[f'pictures of {path} that {listed[picture.path]} has, too'] += 1
        listed.update({picture.path: path for picture in pictures if picture.path not in listed})
        export.add(split_of(path), [picture for picture in pictures if listed[picture.path] == path])
    return export


@contextlib.contextmanager
def _valid(path: Path) -> Iterator[None]:
    """Name the file whose content raises an error in this context."""
    try:
        yield
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise DatasetError(f'{path} is not a valid COCO annotation file: {type(error).__name__} {in_a_line(str(error), 500)}'
                           ) from None


def _read(tree: Tree, path: Path, content: dict, export: Export, dataset_type: type) -> list[Labelled]:
    numbers = {name: number for number, name in enumerate(export.classes, 1)}
    by_id = {category['id']: category['name'] for category in content['categories']}
    places, images = [], []
    for image in content['images']:
        found = tree.find(image['file_name'], path)
        if found is None:
            export.left_out[f'pictures that {path} names and that are not there'] += 1
            continue
        # supervision refuses links to elsewhere and needs a size, which it uses for masks only.
        images.append(dict(id=image['id'], file_name=f'{len(places)}', width=1, height=1))
        places.append(found)
    kept, annotations = {image['id'] for image in images}, []
    for annotation in content['annotations']:
        if not annotation.get('bbox'):
            export.left_out[f'annotations of {path} without a box'] += 1
        elif annotation['image_id'] in kept:
            number = numbers[by_id[annotation['category_id']]]
            box = {key: annotation[key] for key in ('id', 'image_id', 'bbox', 'iscrowd') if key in annotation}
            annotations.append(dict(box, category_id=number))
    categories = [dict(id=number, name=name, supercategory='') for name, number in numbers.items()]
    with tempfile.TemporaryDirectory() as folder:
        cleaned = Path(folder) / 'annotations.json'
        cleaned.write_text(dumps(dict(images=images, annotations=annotations, categories=categories)))
        dataset = dataset_type.from_coco(folder, str(cleaned))
    return [Labelled(places[int(Path(name).name)], boxes.xyxy, _numbers(boxes.class_id),
                     np.asarray(boxes.data.get('iscrowd', np.zeros(len(boxes))), bool))
            for name, boxes in dataset.annotations.items()]


def _numbers(class_id: np.ndarray | None) -> np.ndarray:
    return np.zeros(0, int) if class_id is None else class_id
