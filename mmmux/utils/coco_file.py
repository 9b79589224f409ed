"""Complete the annotations of COCO files: labelling tools leave out fields that training and evaluation need."""
from collections import defaultdict
from collections.abc import Iterable

from .errors import DatasetError, in_a_line


def complete_annotations(content: dict) -> bool:
    """Add the fields that annotations lack, in place.

    `iscrowd` becomes 0 and `area` that of the box. The annotations are numbered from 1 if one has no `id`, or the id 0, which
    pycocotools takes for 'not matched', so that a detection of this object would count as wrong.

    Args:
        content (dict): The content of the file. Values are not checked.

    Returns:
        bool: Whether a field was added.
    """
    annotations = content.get('annotations') or ()
    unnumbered = any(annotation.get('id') in (None, 0) for annotation in annotations)
    changed = unnumbered
    for number, annotation in enumerate(annotations, 1):
        if unnumbered:
            annotation['id'] = number
        if annotation.get('iscrowd') is None:
            annotation['iscrowd'], changed = 0, True
        if annotation.get('area') is None:
            annotation['area'], changed = _area(annotation.get('bbox')), True
    return changed


def _area(box) -> float:
    numbers = isinstance(box, list) and len(box) == 4 and all(isinstance(value, (int, float)) for value in box)
    return box[2] * box[3] if numbers else 0  # another box is reported by the checks of its values


def drop_namesakes(content: dict, file: str) -> bool:
    """Remove, in place, the categories without annotations that have the name of another category.

    Some tools write a category for the whole project, which no annotation has, with the name of one of its classes.

    Args:
        content (dict): The content of the file, with valid IDs.
        file (str): The path of the file, for the error message.

    Returns:
        bool: Whether a category was removed.

    Raises:
        DatasetError: Annotations have two categories of the same name.
    """
    ids = defaultdict(dict)
    for category in content['categories']:
        ids[category['name']][category['id']] = None
    if len(ids) == len(content['categories']):
        return False
    used = {annotation.get('category_id') for annotation in content.get('annotations') or ()}
    kept = {identity for name, known in ids.items() for identity in _used(name, known, used, file)}
    content['categories'] = list({category['id']: category for category in content['categories']
                                  if category['id'] in kept}.values())
    return True


def _used(name: str, known: Iterable, used: set, file: str) -> list:
    known = list(known)
    found = [identity for identity in known if identity in used] or known[-1:]
    if len(found) > 1:
        raise DatasetError(f"{file} has {len(found)} categories named '{in_a_line(name)}', {', '.join(map(str, found))}, which "
                           'all have annotations: rename them, or give all these annotations one category')
    return found
