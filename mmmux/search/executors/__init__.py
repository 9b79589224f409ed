"""Run evaluations in local processes, or with Ray on many GPUs and machines."""
from collections.abc import Mapping

from mmmux.utils.errors import ConfigError

from .base import Executor
from .local import LocalExecutor
from .ray import RayExecutor

EXECUTORS = dict(local=LocalExecutor, ray=RayExecutor)

__all__ = ['EXECUTORS', 'Executor', 'LocalExecutor', 'RayExecutor', 'make_executor']


def make_executor(settings: Mapping) -> Executor:
    """Make the executor that a config's `search.executor` describes.

    Args:
        settings (Mapping): `type`, a key of `EXECUTORS`, and its options, e.g. `dict(type='local', workers=2)` or
            `dict(type='ray', cpus=1, gpus=0.5)`.

    Returns:
        Executor: The executor, to be used in a `with` statement.

    Raises:
        ConfigError: An option is invalid, or Ray is not installed.
    """
    options = dict(settings)
    kind = options.pop('type', None)
    if kind not in EXECUTORS:
        raise ConfigError(f'search.executor.type must be one of {", ".join(EXECUTORS)}, got {kind!r}')
    accepted = EXECUTORS[kind].OPTIONS
    if unknown := sorted(set(options) - set(accepted)):
        raise ConfigError(f"search.executor of type '{kind}' has no option '{unknown[0]}': choose from {', '.join(accepted)}")
    return EXECUTORS[kind](**options)
