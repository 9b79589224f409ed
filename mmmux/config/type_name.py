"""Read the name of a type in a config."""
from collections.abc import Mapping
from typing import Any


def type_name(node: Any) -> str:
    """Return the name of a type without scope and module.

    Args:
        node (Any): A part of a config with `type`, or such a type: a text such as 'mmdet.Resize', or a class.

    Returns:
        str: The name, such as 'Resize'; '' if there is no type.
    """
    kind = node.get('type') if isinstance(node, Mapping) else node
    return str(getattr(kind, '__name__', kind) or '').rpartition('.')[2]
