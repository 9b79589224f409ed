"""Keep the learning rate schedules of a config as long as its training."""
import logging
from collections.abc import Iterable, Mapping

from mmengine.config import Config
from mmengine.logging import print_log

from mmmux.utils.errors import ConfigError

_LENGTHS = ('max_epochs', 'max_iters')
_TO_THE_END = ('CosineAnnealing', 'Poly')  # schedules that fall to `eta_min`


def training_length(cfg: Config) -> tuple[str, int] | None:
    """Return the key in `train_cfg` of the length of a training, 'max_epochs' or 'max_iters', and the length."""
    train_cfg = cfg.get('train_cfg') or {}
    return next(((key, train_cfg[key]) for key in _LENGTHS if isinstance(train_cfg.get(key), int)), None)


def follow_length(cfg: Config, before: tuple[str, int] | None, options: Iterable[str]) -> None:
    """Let schedules that ended with the training end with it again, after options changed its length.

    Options that change a schedule leave all schedules as they are.

    Args:
        cfg (Config): The config with the options, changed in place.
        before (tuple[str, int] | None): :func:`training_length` without the options.
        options (Iterable[str]): Keys of the options.
    """
    after = training_length(cfg)
    if not before or not after or before[0] != after[0] or before[1] == after[1] or \
            any(key.startswith('param_scheduler') for key in options):
        return
    (unit, old), (_, new) = before, after
    changed = []
    for place, schedule in _schedules(cfg, unit):
        begin = schedule.get('begin', 0)
        # A schedule that would begin after the training is left alone; it never starts.
        if new <= begin or schedule.get('end', old) != old:
            continue
        values = dict(end=((old, ), new), T_max=((old - begin, old), new - begin), total_steps=((old, ), new))
        for key, (ended, follows) in values.items():
            if schedule.get(key) in ended:
                schedule[key] = follows
                changed.append(f'{place}.{key}={follows}')
        if 'milestones' in schedule:
            print_log(f'{place}.milestones={list(schedule.milestones)} were set for train_cfg.{unit}={old}, and stay with '
                      f'{new}', 'current', logging.WARNING)
    if changed:
        print_log(f'the schedule follows train_cfg.{unit}={new}: {", ".join(changed)}', 'current')


def check_schedules(cfg: Config) -> None:
    """Check that the learning rate does not reach its end, near 0, before the training does.

    Args:
        cfg (Config): The config of a training.

    Raises:
        ConfigError: The last schedule falls to 0 before the end of the training.
    """
    length = training_length(cfg)
    ends = [] if length is None else [(schedule.get('end', length[1]), place, schedule)
                                      for place, schedule in _schedules(cfg, length[0])]
    if not ends or max(end for end, _, _ in ends) >= length[1]:
        return
    (unit, last), (end, place, schedule) = length, max(ends, key=lambda entry: entry[0])
    if str(schedule.get('type')).rpartition('.')[2].startswith(_TO_THE_END) and not schedule.get('eta_min_ratio'):
        lowest = schedule.get('eta_min', 0) or 0
        sentence = (f'{place}.end={end} and train_cfg.{unit}={last}: the learning rate falls towards {lowest:g} until {end} '
                    f'and stays there to the end; set {place}.end={last}')
        if not lowest:
            raise ConfigError(sentence)
        print_log(sentence, 'current', logging.WARNING)


def _schedules(cfg: Config, unit: str) -> list[tuple[str, Mapping]]:
    """Return the key and the config of each schedule that counts in a unit, epochs or iterations."""
    schedules = cfg.get('param_scheduler') or []
    if isinstance(schedules, Mapping):
        schedules = [schedules] if 'type' in schedules else []  # several optimisers have a dict of lists
        places = ['param_scheduler']
    else:
        places = [f'param_scheduler.{number}' for number in range(len(schedules))]
    return [(place, schedule) for place, schedule in zip(places, schedules)
            if isinstance(schedule, Mapping) and schedule.get('by_epoch', True) == (unit == 'max_epochs')]
