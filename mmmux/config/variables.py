"""Refuse options that change a variable of a config file, which nothing reads after the file was read."""
from collections.abc import Iterator, Mapping

from mmengine.config import Config

from mmmux.utils.errors import ConfigError, in_a_line

from .keys import get_key
from .suggestions import RUNNER_KEYS

_READ = RUNNER_KEYS - {'vis_backends'} | {'search'}
_MOST_NAMED = 12


def check_variable(key: str, value, cfg: Config) -> None:
    """Check that an option does not change a variable, such as `max_epochs` or `data_root`, from which other keys were made.

    Args:
        key (str): Dotted config key of `--cfg-options`.
        value (Any): The option's value, for the error message.
        cfg (Config): The config before the options are applied.

    Raises:
        ConfigError: Nothing reads the key. The message names the keys that hold its value.
    """
    name, _, rest = key.partition('.')
    model = cfg.get('model')
    if name == 'data_preprocessor' and isinstance(model, Mapping) and name in model:
        found = [f'model.{key}']  # the runner reads the other one only where the model has none
    elif name in _READ or name not in cfg:
        return
    else:
        found = _keys_with(cfg, name, rest)
    if not found and _own_code(cfg):
        return  # their modules may read it
    option = in_a_line(f'{key}={value}')
    what = f'--cfg-options {option} changes only the variable {name} of the config file, which nothing reads afterwards'
    if not found:
        raise ConfigError(f'{what}: change it in the file')
    more = f' and {len(found) - _MOST_NAMED} more' if len(found) > _MOST_NAMED else ''
    raise ConfigError(f'{what}: set {", ".join(found[:_MOST_NAMED])}{more}, or change it in the file')


def _keys_with(cfg: Config, name: str, rest: str) -> list[str]:
    """Return the keys, below those that are read, that hold the value of a variable or of a part of it."""
    wanted = cfg[name]
    whole = [path for path, node in _nodes(cfg) if _same(name, wanted, path, node)]
    length = [path for path in whole if path == f'train_cfg.{name}']
    if whole:
        # The schedules follow train_cfg. mmengine changes entries of lists, and tuples only as a whole.
        return [f'{path}.{rest}' if rest and not isinstance(wanted, tuple) else path for path in length or whole]
    try:
        part = get_key(cfg, f'{name}.{rest}', '') if rest else None
    except ConfigError:
        return []
    return [] if part is None else [path for path, node in _nodes(cfg) if _same(rest.rpartition('.')[2], part, path, node)]


def _nodes(cfg: Config) -> Iterator[tuple[str, object]]:
    for key in cfg:
        if key in _READ:
            yield from _below(cfg[key], key)


def _below(node, path: str) -> Iterator[tuple[str, object]]:
    yield path, node
    if isinstance(node, Mapping | list | tuple):
        for key, value in node.items() if isinstance(node, Mapping) else enumerate(node):
            yield from _below(value, f'{path}.{key}')


def _same(name: str, wanted, path: str, node) -> bool:
    if wanted is None or wanted == '' or (isinstance(wanted, Mapping | list | tuple) and not wanted):
        return False
    if isinstance(wanted, str):  # files below a folder have its name
        folder = len(wanted) > 1 and wanted.endswith('/')
        return isinstance(node, str) and (node == wanted or (folder and node.startswith(wanted)))
    if isinstance(wanted, int | float):  # most numbers are equal to one by chance
        return not isinstance(node, bool) and isinstance(node, int | float) and node == wanted and \
            (path.rpartition('.')[2] == name or path.startswith('param_scheduler'))
    if isinstance(wanted, list | tuple) and isinstance(node, list | tuple):
        return list(wanted) == list(node)
    return type(node) is type(wanted) and node == wanted


def _own_code(cfg: Config) -> bool:
    imports = (cfg.get('custom_imports') or {}).get('imports') or ()
    return any(name.partition('.')[0] != 'mmmux' for name in ([imports] if isinstance(imports, str) else imports))
