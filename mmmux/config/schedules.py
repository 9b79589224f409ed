"""Keep the learning rate schedules of a config as long as its training."""
import logging
from collections.abc import Iterable, Iterator, Mapping

from mmengine.config import Config
from mmengine.logging import print_log

from mmmux.utils.errors import ConfigError

from .type_name import type_name

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
    for place, schedule in schedule_configs(cfg.get('param_scheduler') or [], 'param_scheduler'):
        begin = schedule.get('begin', 0)
        # A schedule that would begin after the training is left alone; it never starts.
        if _unit(schedule) != unit or new <= begin or schedule.get('end', old) != old:
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


def check_schedules(cfg: Config, lengths: Mapping[str, int] | None = None) -> None:
    """Check that the learning rate does not reach its end, near 0, before the training does.

    Args:
        cfg (Config): The config of a training.
        lengths (Mapping[str, int] | None): Length of the training by 'max_epochs' and 'max_iters'. Defaults to None: the one in
            the config, so that schedules in the other unit are not checked.

    Raises:
        ConfigError: The last schedule of an optimiser falls to 0 before the end of the training.
    """
    own = training_length(cfg)
    lengths = lengths or (dict([own]) if own else {})
    given = cfg.get('param_scheduler') or []
    several = isinstance(given, Mapping) and 'type' not in given  # a dict of lists, for several optimisers
    for key, part in (given.items() if several else [('', given)]):
        _check_last(part, f'param_scheduler.{key}' if key else 'param_scheduler', lengths)


def _check_last(schedules, place: str, lengths: Mapping[str, int]) -> None:
    ends = []
    for key, schedule in schedule_configs(schedules, place):
        unit, begin = _unit(schedule), schedule.get('begin', 0)
        if not type_name(schedule).endswith('LR'):  # of the momentum, for example
            continue
        if unit in lengths:
            ends.append((schedule.get('end', lengths[unit]) / lengths[unit], key, schedule))
        elif begin or 'end' not in schedule:  # the runner knows whether it goes on to the end
            return
    if not ends or max(end for end, _, _ in ends) >= 1:
        return
    _, key, schedule = max(ends, key=lambda entry: entry[0])
    unit, end = _unit(schedule), schedule['end']
    if not type_name(schedule).startswith(_TO_THE_END) or schedule.get('eta_min_ratio') or \
            schedule.get('T_max', 0) > end - schedule.get('begin', 0):
        return
    lowest, last = schedule.get('eta_min', 0) or 0, lengths[unit]
    sentence = (f'{key}.end={end} and train_cfg.{unit}={last}: the learning rate falls towards {lowest:g} until {end} and '
                f'stays there to the end; set {key}.end={last}')
    if not lowest:
        raise ConfigError(sentence)
    print_log(sentence, 'current', logging.WARNING)


def schedule_configs(node, key: str) -> Iterator[tuple[str, Mapping]]:
    """Yield the key and the config of each schedule: one, a list of them, or such a list for each of several optimisers.

    Args:
        node (Any): `param_scheduler` of a config, or a part of it.
        key (str): Its config key.
    """
    if isinstance(node, Mapping) and 'type' in node:
        yield key, node
    elif isinstance(node, Mapping):
        for name, value in node.items():
            yield from schedule_configs(value, f'{key}.{name}')
    elif isinstance(node, (list, tuple)):
        for number, value in enumerate(node):
            yield from schedule_configs(value, f'{key}.{number}')


def _unit(schedule: Mapping) -> str:
    return 'max_epochs' if schedule.get('by_epoch', True) else 'max_iters'
