"""Find the transforms of a pipeline that load annotations, to leave them out or to put them first."""
from collections.abc import Sequence
from typing import Any

from mmcv.transforms import LoadAnnotations
from mmengine.registry import TRANSFORMS


def loads_annotations(step: dict) -> bool:
    """Return whether a transform loads annotations; its type is looked up in the current default scope.

    Args:
        step (dict): The config of the transform.
    """
    kind = step.get('type')
    if isinstance(kind, str):
        with TRANSFORMS.switch_scope_and_registry(None) as registry:
            kind = registry.get(kind)
    return isinstance(kind, type) and issubclass(kind, LoadAnnotations)


def without_annotations(node: Any) -> Any:
    """Copy a pipeline without the transforms that load annotations, and without lists that are empty then.

    Args:
        node (Any): The pipeline; the pipelines inside its transforms, such as TestTimeAug, are copied likewise.
    """
    if isinstance(node, dict):
        return type(node)({key: without_annotations(value) if isinstance(value, (list, tuple)) else value
                           for key, value in node.items()})
    if isinstance(node, (list, tuple)) and any(isinstance(value, (dict, list)) for value in node):
        kept = [without_annotations(value) for value in node if not (isinstance(value, dict) and loads_annotations(value))]
        return [value for value in kept if value != []]
    return node


def annotations_first(pipeline: Sequence[dict]) -> list[dict]:
    """Return a pipeline in which annotations are loaded directly after the image, so that all transforms apply to both.

    Test pipelines load them after Resize, because metrics are computed at the size of the file.

    Args:
        pipeline (Sequence[dict]): The pipeline, which begins with the transform that loads the image.
    """
    loading = [step for step in pipeline if loads_annotations(step)]
    others = [step for step in pipeline if not loads_annotations(step)]
    return [*others[:1], *loading, *others[1:]]
