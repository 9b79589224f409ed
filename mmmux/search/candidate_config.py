"""The user's config with another network in it."""
import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mmengine.config import Config

from mmmux.models import Architecture, MUXNet
from mmmux.models.architectures import MUX, as_table
from mmmux.utils.errors import ConfigError

from .space import Genome

if TYPE_CHECKING:
    from .settings import SearchSettings

_DICTS = (Mapping, Config)


def task_config(cfg: Config, arch: Architecture, network: str, channels: Mapping[str, int]) -> Config:
    """The config of a task with a network of another architecture, and without the field `search`.

    Args:
        cfg: the search's config; it is not changed.
        arch: the architecture.
        network: config key of the MUXNet, e.g. 'model.backbone'.
        channels: config keys of numbers of channels that follow the network's, each with the stage it follows (the number of
            stages is the head convolution).

    Raises:
        ConfigError: a key is not in the config.
    """
    task = Config(cfg.to_dict())
    task.pop('search', None)
    set_key(task, f'{network}.arch', as_table(arch), 'search.network')
    for key, stage in channels.items():
        set_key(task, key, stage_width(arch, stage), 'search.channels')
    return task


def evaluation_config(cfg: Config, settings: 'SearchSettings', genome: Genome) -> Config:
    """The config that one genome is trained with: the task's, with its network and the short schedule.

    Raises:
        ConfigError: a key of `search.schedule` is not in the config.
    """
    task = task_config(cfg, settings.space.decode(genome), settings.network, settings.channels)
    for key, value in settings.schedule.items():
        get_key(task, key, 'search.schedule')  # a new key would be a misspelt one
        set_key(task, key, value, 'search.schedule')
    return task


def stage_width(arch: Architecture, stage: int) -> int:
    """Channels after a stage; the number of stages is the head convolution."""
    if stage == len(arch.stages):
        return arch.head_channels
    rows = [row for rows in arch.stages[:stage + 1] for row in rows if not isinstance(row, MUX)]
    return rows[-1].out_channels if rows else arch.stem_channels


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


def network_arguments(cfg: Config, network: str) -> dict:
    """Arguments of the MUXNet at a config key, with those that a wrapper around it passes on, and `removed` strides.

    Raises:
        ConfigError: there is no MUXNet, or it does not build the channels the config's model takes.
    """
    node = get_key(cfg, network, 'search.network')
    if not isinstance(node, Mapping) or _type(node) != 'MUXNet':
        inside = f"a '{node['type']}'" if isinstance(node, Mapping) and 'type' in node else repr(node)
        hint = f": did you mean '{network}.backbone'?" if isinstance(node, Mapping) and 'backbone' in node else ''
        raise ConfigError(f"search.network must be the config key of a MUXNet, but '{network}' is {inside}{hint}")
    parent, _, last = network.rpartition('.')
    around = get_key(cfg, parent, 'search.network') if parent else {}
    arguments = dict(node)
    if last == 'backbone' and isinstance(around, Mapping) and _type(around) == 'WithoutEarlyStrides':
        arguments.update({'removed': 1, **{name: value for name, value in around.items() if name not in ('type', 'backbone')}})
    arguments.setdefault('out_indices', inspect.signature(MUXNet).parameters['out_indices'].default)
    return arguments


def _type(node: Mapping) -> str:
    return str(node.get('type', '')).split('.')[-1]


def _place(passed: list[str], node: Any) -> str:
    place = f"in '{'.'.join(passed)}'" if passed else 'at its top'
    if isinstance(node, _DICTS):
        return f'{place}: it has {", ".join(map(str, node))}'
    return f'{place}, which is {node!r}'
