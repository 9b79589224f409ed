"""Put this package's metrics in the place of those of mmdet that end with an error for some configs."""
from collections.abc import Mapping
from typing import Any

from mmengine.registry import METRICS


def with_careful_metrics(evaluator: Any) -> Any:
    """Return an evaluator's config in which mmdet's CocoMetric, and its VOCMetric with `scale_ranges`, are this package's.

    These compute the same values under the same names, and some more.

    Args:
        evaluator (Any): The config of an evaluator: a dict, or a list of dicts and objects. It is not changed.

    Returns:
        Any: The config; anything but a dict or list is returned as it is.
    """
    if isinstance(evaluator, (list, tuple)):
        return [with_careful_metrics(each) for each in evaluator]
    if not isinstance(evaluator, Mapping):
        return evaluator
    kind = _class_of(evaluator.get('type'))
    if not getattr(kind, '__module__', '').startswith('mmdet.'):
        return evaluator
    if kind.__name__ == 'CocoMetric' or (kind.__name__ == 'VOCMetric' and evaluator.get('scale_ranges')):
        return dict(evaluator, type=f'mmmux.{kind.__name__}')
    return evaluator


def _class_of(kind: str | type | None) -> type | None:
    if not isinstance(kind, str):
        return kind
    with METRICS.switch_scope_and_registry(None) as registry:
        return registry.get(kind)
