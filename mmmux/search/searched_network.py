"""Find the MUXNet that a search varies in a config."""
import inspect
from collections.abc import Mapping

from mmengine.config import Config

from mmmux.config.keys import get_key
from mmmux.models import MUXNet
from mmmux.utils.errors import ConfigError


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
