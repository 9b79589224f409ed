"""Write JSON that every program can read: NaN and infinity, which are no JSON, become null."""
import json
import math
from collections.abc import Mapping
from typing import Any


def plain(value: Any) -> Any:
    """Return a value as JSON can hold it: NaN and infinity become None, arrays and tuples lists, numpy's numbers Python's."""
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if hasattr(value, 'tolist'):  # numpy's and torch's arrays and numbers
        return plain(value.tolist())
    return value


def dumps(value: Any, **options: Any) -> str:
    """Return a value as JSON text.

    Args:
        value (Any): The value; :func:`plain` describes the conversions.
        **options (Any): Options of `json.dumps`.
    """
    return json.dumps(plain(value), allow_nan=False, **options)
