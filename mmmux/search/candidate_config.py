"""The user's config with another network in it."""
from collections.abc import Mapping

from mmengine.config import Config

from mmmux.config.keys import get_key, set_key
from mmmux.models import Architecture
from mmmux.models.architectures import as_table, stage_width

from .settings import SearchSettings
from .space import Genome


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


def evaluation_config(cfg: Config, settings: SearchSettings, genome: Genome) -> Config:
    """The config that one genome is trained with: the task's, with its network and the short schedule.

    Raises:
        ConfigError: a key of `search.schedule` is not in the config.
    """
    task = task_config(cfg, settings.space.decode(genome), settings.network, settings.channels)
    for key, value in settings.schedule.items():
        get_key(task, key, 'search.schedule')  # a new key would be a misspelt one
        set_key(task, key, value, 'search.schedule')
    return task
