"""Read from a config which labelled boxes its model cannot learn from or cannot return."""
from collections.abc import Iterator, Mapping

from mmengine.config import Config

from .type_name import type_name

_LIMIT = 'max_per_img'
_OF_PROPOSALS = 'rpn'
OPTION = 'model.bbox_head.background_negatives'


def output_limit(cfg: Config) -> tuple[str, int] | None:
    """Return the config key and the value of the number of boxes that the model returns for an image at most.

    Args:
        cfg (Config): The config.

    Returns:
        tuple[str, int] | None: The lowest of several; None if there is no limit.
    """
    limits = {key: limit for key, limit in _limits(cfg.get('model') or {}, 'model') if isinstance(limit, int) and limit > 0}
    # mmdet copies test_cfg into the head's config; the shorter key is the one to set.
    return min(limits.items(), key=lambda entry: (entry[1], len(entry[0]))) if limits else None


def _limits(node: Mapping, key: str) -> Iterator[tuple[str, int]]:
    for name, value in node.items():
        if name == _LIMIT:
            yield f'{key}.{name}', value
        elif isinstance(value, Mapping) and name not in (_OF_PROPOSALS, 'train_cfg'):
            yield from _limits(value, f'{key}.{name}')


def ignores_background(cfg: Config) -> bool:
    """Return True if the model learns nothing from an image without objects, as SSD without `background_negatives`.

    Args:
        cfg (Config): The config.
    """
    head = (cfg.get('model') or {}).get('bbox_head')
    return isinstance(head, Mapping) and type_name(head) == 'SSDHead' \
        and not head.get('background_negatives')


def background_sentence(pictures: int, total: int) -> str:
    """Say how many training images teach nothing, and the option that changes it.

    Args:
        pictures (int): Number of images without objects.
        total (int): Number of training images.
    """
    return (f'{pictures} of {total} training pictures show no object and give SSD no gradient: set {OPTION}=30 (of '
            'mmmux.SSDHead), the number of negatives of such a picture, to learn from them, or leave them out with '
            'filter_cfg.filter_empty_gt=True of the data set')


def limit_sentence(key: str, limit: int, pictures: int, most: int, name: str) -> str:
    """Return the sentence about images with more labelled boxes than the model returns.

    Args:
        key (str): Config key of the limit.
        limit (int): Number of boxes that the model returns at most.
        pictures (int): Number of images with more boxes.
        most (int): Largest number of boxes in an image.
        name (str): Name of that image.
    """
    return (f'{key}={limit} is the largest number of boxes that the model returns for a picture, and {pictures} pictures have '
            f'more (up to {most}, {name}), so that even a perfect model misses objects: set {key} to {most} or '
            'more')
