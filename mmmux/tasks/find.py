"""Find the task of a config among those that are registered."""
import contextlib

from mmengine.config import Config
from mmengine.registry import Registry

from mmmux.analysis.dataset_check.layout import Layout
from mmmux.utils.errors import ConfigError

from .base import Task

TASKS = Registry('task', scope='mmmux')


def find_task(cfg: Config) -> Task | None:
    """Find the task of a config: the one that its `task` names, or else the one of its `default_scope`.

    A task of another package must have been registered: a config that names its module in `custom_imports` imports it when it
    is read.

    Args:
        cfg: the config.

    Returns:
        The task; None if no registered task fits the config.

    Raises:
        ConfigError: `task` is not the name of a registered task.
    """
    name = cfg.get('task')
    if isinstance(name, str):  # a config may use `task` as a variable of another type
        if name not in TASKS.module_dict:
            raise ConfigError(f"task '{name}' of the config is not registered: choose from {', '.join(TASKS.module_dict)}, or "
                              'name the module that registers it in custom_imports')
        return TASKS.module_dict[name]()
    # A special task is registered after the general one that it extends, so the last task that fits is taken.
    return next((task() for task in reversed(TASKS.module_dict.values()) if task.fits(cfg)), None)


def known_layouts() -> list[tuple[type, type[Layout]]]:
    """Return the `layouts` of all registered tasks whose packages are installed, for data sets of any scope."""
    layouts = []
    for task in TASKS.module_dict.values():
        with contextlib.suppress(ImportError):
            layouts += task().layouts()
    return layouts


def task_of(cfg: Config) -> Task:
    """Return the task of a config, as :func:`find_task` does; raise an error instead of returning None.

    Args:
        cfg: the config.

    Raises:
        ConfigError: no registered task fits the config.
    """
    task = find_task(cfg)
    if task is None:
        scopes = dict.fromkeys(each.scope for each in TASKS.module_dict.values() if each.scope)
        raise ConfigError(f"default_scope '{cfg.get('default_scope')}' of the config is none of {', '.join(scopes)}: set it to "
                          "one of these, or name the task, e.g. task = 'Detection'")
    return task
