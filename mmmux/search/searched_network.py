"""Find the MUXNet that a search varies in a config."""
import inspect
from collections.abc import Mapping

from mmengine.config import Config

from mmmux.config.keys import get_key
from mmmux.models import MUXNet
from mmmux.utils.errors import ConfigError


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
