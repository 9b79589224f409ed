"""Put this package's loading transforms in the place of the stock ones that a config names.

The test pipelines of the configs have the stock names, so that the inferencers of mmdet, mmseg and mmpretrain find the steps
that they replace or leave out. The programs of this package build their data sets from :func:`with_careful_loaders`, and leave
the config itself unchanged: the copies of it in a work dir and in a checkpoint have the stock names, too.
"""
import copy
from collections.abc import Iterator, Mapping
from typing import Any

from mmcv.transforms import LoadImageFromFile
from mmengine.registry import DATASETS, TRANSFORMS, Registry

from .load import inner_datasets
from .type_name import type_name

_FOR_ALL_DATA_SETS = {LoadImageFromFile: 'mmmux.LoadImage'}


def with_careful_loaders(dataloader: Mapping) -> Mapping:
    """Return a copy of a data loader's config in which this package's transforms load images and label maps.

    mmcv's LoadImageFromFile becomes mmmux.LoadImage, and a data set's own `CAREFUL_LOADERS`, a dict from classes to types, is
    applied, too. Types are looked up in the current default scope. Transforms of other packages stay.

    Args:
        dataloader (Mapping): config of a data loader; it is not changed.

    Returns:
        Mapping: the copy, of the same type.
    """
    dataloader = copy.deepcopy(dataloader)
    for _, dataset in inner_datasets(dataloader, ''):
        careful = {**_FOR_ALL_DATA_SETS, **getattr(_class_of(dataset, DATASETS), 'CAREFUL_LOADERS', {})}
        for step in _steps(dataset.get('pipeline')):
            # mmcv's older option for reading from a server, which this package's transform does not have.
            # Pictures that are read in another way can have formats that this package's transform refuses.
            if 'file_client_args' not in step and step.get('color_type', 'color') in ('color', 'grayscale') and \
                    step.get('imdecode_backend', 'cv2') == 'cv2':
                step['type'] = careful.get(_class_of(step, TRANSFORMS), step['type'])
    return dataloader


def _steps(node: Any) -> Iterator[dict]:
    """Yield the loading transforms of a pipeline and of the pipelines inside its transforms, such as TestTimeAug."""
    if isinstance(node, Mapping):
        if type_name(node).startswith('Load'):
            yield node
        node = [value for value in node.values() if isinstance(value, (Mapping, list, tuple))]
    if isinstance(node, (list, tuple)):
        for value in node:
            yield from _steps(value)


def _class_of(node: Mapping, registry: Registry) -> type | None:
    kind = node.get('type')
    if not isinstance(kind, str):
        return kind
    with registry.switch_scope_and_registry(None) as scoped:
        return scoped.get(kind)
