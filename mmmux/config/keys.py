"""Read and set the values of a config by dotted keys."""
from collections.abc import Mapping
from typing import Any

from mmengine.config import Config

from mmmux.utils.errors import ConfigError

_DICTS = (Mapping, Config)


def get_key(cfg: Config, key: str, where: str) -> Any:
    """Return the value of a dotted config key.

    Args:
        cfg (Config): Config to read.
        key (str): Key such as 'model.neck.in_channels.0'; a number is an index into a list.
        where (str): Config field that names the key, for the error message.

    Returns:
        Any: The value.

    Raises:
        ConfigError: The config has no such key.
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
    """Set the value of a dotted config key; only the last part of the key may be new, and only in a dict.

    Args:
        cfg (Config): Config to change in place.
        key (str): Key as in :func:`get_key`.
        value (Any): New value.
        where (str): Config field that names the key, for the error message.

    Raises:
        ConfigError: The config lacks a part of the key before the last one, or the value there is not a dict or list.
    """
    parent, _, last = key.rpartition('.')
    node = get_key(cfg, parent, where) if parent else cfg
    if isinstance(node, (list, tuple)):
        get_key(cfg, key, where)
        # Keep the type: checks of the OpenMMLab packages distinguish a tuple from a list.
        items = list(node)
        items[int(last)] = value
        set_key(cfg, parent, type(node)(items), where)
    elif isinstance(node, _DICTS):
        node[last] = value
    else:
        raise ConfigError(f"{where} names '{key}', but '{parent}' of the config is {node!r}, not a dict or list that can hold "
                          f"'{last}'")


def _place(passed: list[str], node: Any) -> str:
    place = f"in '{'.'.join(passed)}'" if passed else 'at its top'
    if isinstance(node, _DICTS):
        return f'{place}: it has {", ".join(map(str, node))}'
    return f'{place}, which is {node!r}'
