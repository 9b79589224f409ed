"""Put this package's metrics in the place of those, of the same names, that end with an error for some configs."""
import contextlib
from collections.abc import Mapping
from typing import Any

from mmengine.registry import METRICS

from mmmux.registry import METRICS as OWN_METRICS


def with_careful_metrics(evaluator: Any) -> Any:
    """Return an evaluator's config in which metrics of this package take the place of those that they derive from.

    A metric takes this place for the configs that its method `takes_place` accepts: `mmmux.CocoMetric` for all of mmdet's
    CocoMetric, and `mmmux.VOCMetric` for those of mmdet's VOCMetric with `scale_ranges`. They compute the same values under the
    same names, and some more.

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
    own = OWN_METRICS.get(kind.__name__) if isinstance(kind, type) and kind.__name__ in OWN_METRICS.names else None
    if own is not None and own is not kind and issubclass(own, kind) and own.takes_place(evaluator):
        return dict(evaluator, type=f'mmmux.{kind.__name__}')
    return evaluator


def _class_of(kind: str | type | None) -> type | None:
    if not isinstance(kind, str):
        return kind
    # mmengine raises RuntimeError for an unknown name, and so does the runner, whose error is explained.
    with METRICS.switch_scope_and_registry(None) as registry, contextlib.suppress(RuntimeError):
        return registry.get(kind)
    return None
