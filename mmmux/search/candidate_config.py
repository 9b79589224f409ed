"""Put another network into the user's config."""
from mmengine.config import Config

from mmmux.config.keys import get_key, set_key
from mmmux.models import Architecture
from mmmux.models.architectures import as_table, stage_width

from .settings import SearchSettings
from .space import Genome


def task_config(cfg: Config, arch: Architecture, settings: SearchSettings) -> Config:
    """Return a copy of a config with another network and without the field `search`.

    Args:
        cfg (Config): Config of the search; not changed.
        arch (Architecture): Architecture of the network.
        settings (SearchSettings): Settings of the search: `network` and `channels` name the keys that change.

    Returns:
        Config: The new config.

    Raises:
        ConfigError: The config has no such key.
    """
    task = Config(cfg.to_dict())
    task.pop('search', None)
    set_key(task, f'{settings.network}.arch', as_table(arch), 'search.network')
    for key, stage in settings.channels.items():
        set_key(task, key, stage_width(arch, stage), 'search.channels')
    return task


def evaluation_config(cfg: Config, settings: SearchSettings, genome: Genome) -> Config:
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
    task = task_config(cfg, settings.space.decode(genome), settings)
    for key, value in settings.schedule.items():
        get_key(task, key, 'search.schedule')  # a key that the config lacks is probably misspelt
        set_key(task, key, value, 'search.schedule')
    return task
