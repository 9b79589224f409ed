"""Put another network into the user's config."""
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
    """Return a copy of a config with another network and without the field `search`.

    Args:
        cfg (Config): Config of the search; not changed.
        arch (Architecture): Architecture of the network.
        network (str): Config key of the MUXNet, e.g. 'model.backbone'.
        channels (Mapping[str, int]): Config keys whose values follow the network's channels, each with the stage that it
            follows; the number of stages stands for the head convolution.

    Returns:
        Config: The new config.

    Raises:
        ConfigError: The config has no such key.
    """
    task = Config(cfg.to_dict())
    task.pop('search', None)
    set_key(task, f'{network}.arch', as_table(arch), 'search.network')
    for key, stage in channels.items():
        set_key(task, key, stage_width(arch, stage), 'search.channels')
    return task


def evaluation_config(cfg: Config, settings: 'SearchSettings', genome: Genome) -> Config:
    """Return the config that trains one genome: the user's config with the genome's network and the short schedule.

    Args:
        cfg (Config): Config of the search; not changed.
        settings (SearchSettings): Settings of the search.
        genome (Genome): Canonical genome.

    Returns:
        Config: The new config.

    Raises:
        ConfigError: The config lacks a key of `search.schedule`.
    """
    task = task_config(cfg, settings.space.decode(genome), settings.network, settings.channels)
    for key, value in settings.schedule.items():
        get_key(task, key, 'search.schedule')  # a key that the config lacks is probably misspelt
        set_key(task, key, value, 'search.schedule')
    return task


def stage_width(arch: Architecture, stage: int) -> int:
    """Return the number of channels after a stage.

    Args:
        arch (Architecture): Architecture of the network.
        stage (int): Stage from 0; the number of stages stands for the head convolution.

    Returns:
        int: Number of channels.
    """
    if stage == len(arch.stages):
        return arch.head_channels
    rows = [row for rows in arch.stages[:stage + 1] for row in rows if not isinstance(row, MUX)]
    return rows[-1].out_channels if rows else arch.stem_channels


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
        ConfigError: The config has no such place.
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
        raise ConfigError(f"{where} names '{key}', but '{parent}' of the config is {node!r}")


def network_arguments(cfg: Config, network: str) -> dict:
    """Return the arguments of the MUXNet at a config key.

    Arguments that the wrapper `WithoutEarlyStrides` passes on are included, and `removed`, its number of removed strides.

    Args:
        cfg (Config): Config of the search.
        network (str): Config key, e.g. 'model.backbone'.

    Returns:
        dict: Arguments by name; `out_indices` is always present.

    Raises:
        ConfigError: The config has no MUXNet at the key.
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
