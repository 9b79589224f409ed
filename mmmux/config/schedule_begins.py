"""Check that the schedules of a config begin before they end, and before the training ends."""
import logging

from mmengine.config import Config
from mmengine.logging import print_log

from mmmux.utils.errors import ConfigError

from .schedules import schedule_configs


def check_begins(cfg: Config, max_epochs: int, max_iters: int) -> None:
    """Check where each schedule begins; a schedule without `end` ends with the training.

    Args:
        cfg (Config): The config of a training.
        max_epochs (int): Length of the training in epochs.
        max_iters (int): Length of the training in iterations.

    Raises:
        ConfigError: A schedule does not begin before its end. A schedule that begins after the training is logged instead.
    """
    for key, schedule in schedule_configs(cfg.get('param_scheduler') or [], 'param_scheduler'):
        by_epoch = schedule.get('by_epoch', True)
        unit, length = ('epoch', max_epochs) if by_epoch else ('iteration', max_iters)
        begin, end = schedule.get('begin', 0), schedule.get('end', length)
        if not isinstance(begin, (int, float)) or not isinstance(end, (int, float)):
            continue  # the schedule refuses it itself
        option = 'train_cfg.max_epochs' if 'max_epochs' in cfg.train_cfg else 'train_cfg.max_iters'
        if end <= begin:
            ended = f'{key}.end={end}' if 'end' in schedule else \
                f'the end of the training, {unit} {length} ({option}={cfg.train_cfg.get(option.split(".")[1])})'
            raise ConfigError(f'{key}.begin={begin}, where {schedule.get("type")} begins, is not before {ended}: set '
                              f'{key}.begin below {end}, or a later end')
        if begin >= length:
            print_log(f'{key} ({schedule.get("type")}) never begins: {key}.begin={begin}, and the training ends after {unit} '
                      f'{length} ({option}={cfg.train_cfg.get(option.split(".")[1])}), with the learning rate of the schedule '
                      'before', 'current', logging.WARNING)
