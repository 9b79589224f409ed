"""Send the logs of a run to TensorBoard, Weights & Biases and others (`--vis-backends`), and check that they are installed."""
from collections.abc import Iterable
from importlib.util import find_spec

from mmengine.config import Config

from mmmux.utils.errors import ConfigError

from .type_name import type_name

# Name of the option -> mmengine's class, and the module that it needs, which has the name of its package.
BACKENDS = {
    'local': ('LocalVisBackend', None),
    'tensorboard': ('TensorboardVisBackend', 'tensorboard'),
    'wandb': ('WandbVisBackend', 'wandb'),
    'clearml': ('ClearMLVisBackend', 'clearml'),
    'mlflow': ('MLflowVisBackend', 'mlflow'),
    'neptune': ('NeptuneVisBackend', 'neptune'),
    'dvclive': ('DVCLiveVisBackend', 'dvclive'),
    'aim': ('AimVisBackend', 'aim'),
}


def add_vis_backends(cfg: Config, names: Iterable[str]) -> None:
    """Have a run write its logs to further backends, too.

    Args:
        cfg (Config): The config of a run, changed in place.
        names (Iterable[str]): Keys of `BACKENDS`.

    Raises:
        ConfigError: The config has no visualizer.
    """
    if not cfg.get('visualizer'):
        raise ConfigError("--vis-backends needs a visualizer in the config, e.g. visualizer = dict(type='Visualizer')")
    found = list(cfg.visualizer.get('vis_backends') or [])
    missing = [BACKENDS[name][0] for name in names if BACKENDS[name][0] not in {backend['type'] for backend in found}]
    cfg.visualizer.vis_backends = [*found, *(dict(type=kind) for kind in missing)]


def check_vis_backends(cfg: Config) -> None:
    """Check that the packages of a config's backends are installed. mmengine imports them only when something is logged.

    Args:
        cfg (Config): The config of a run.

    Raises:
        ConfigError: One is not installed.
    """
    for number, backend in enumerate((cfg.get('visualizer') or {}).get('vis_backends') or []):
        kind = type_name(backend)
        module = dict(BACKENDS.values()).get(kind)
        if module and find_spec(module) is None:
            raise ConfigError(f"visualizer.vis_backends.{number} is '{kind}', and {module} is not installed: pip install "
                              f'{module}, or leave this backend out')
