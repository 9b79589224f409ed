"""Read and set the values of a config by dotted keys."""
from collections.abc import Mapping
from typing import Any

from mmengine.config import Config

from mmmux.utils.errors import ConfigError

_DICTS = (Mapping, Config)


def get_key(cfg: Config, key: str, where: str) -> Any:
    """The value of a dotted key, in which a number is the place in a list.

    Args:
        cfg: a config.
        key: e.g. 'model.neck.in_channels.0'.
        where: what named the key, for the message.

    Raises:
        ConfigError: the config has no such key.
    """
    node, passed = cfg, []
    for part in str(key).split('.'):
        if isinstance(node, _DICTS) and part in node:
            node = node[part]
        elif isinstance(node, (list, tuple)) and part.isdigit() and int(part) < len(node):
            node = node[int(part)]
        else:
            raise ConfigError(f"{where} names '{key}', but the config has no '{part}' {_place(passed, node)}")
        passed.append(part)
    return node


def set_key(cfg: Config, key: str, value: Any, where: str) -> None:
    """Set a dotted key as :func:`get_key` reads it; only the last part may be new, in a dict.

    Raises:
        ConfigError: the config has no such place.
    """
    parent, _, last = key.rpartition('.')
    node = get_key(cfg, parent, where) if parent else cfg
    if isinstance(node, (list, tuple)):
        get_key(cfg, key, where)
        # A tuple stays one: the packages' own checks tell it from a list.
        items = list(node)
        items[int(last)] = value
        set_key(cfg, parent, type(node)(items), where)
    elif isinstance(node, _DICTS):
        node[last] = value
    else:
        raise ConfigError(f"{where} names '{key}', but '{parent}' of the config is {node!r}")


def _place(passed: list[str], node: Any) -> str:
    place = f"in '{'.'.join(passed)}'" if passed else 'at its top'
    if isinstance(node, _DICTS):
        return f'{place}: it has {", ".join(map(str, node))}'
    return f'{place}, which is {node!r}'
