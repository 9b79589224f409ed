"""Hook that compares the schedule of a resumed training with that of its config, before the first iteration."""
import inspect
import math
import warnings
from collections.abc import Iterator, Mapping, Sequence

from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.optim import OptimWrapper
from mmengine.runner import EpochBasedTrainLoop

from mmmux.registry import HOOKS
from mmmux.utils.errors import CheckpointError, ConfigError

_POSITION = {'optimizer', 'param_name', 'last_step', 'verbose'}  # arguments of schedules that do not shape them


@HOOKS.register_module()
class ResumedScheduleHook(Hook):
    """Refuse to resume a training with another schedule or learning rate than the checkpoint's, or put the new one in place.

    mmengine restores the schedules with their old `T_max` and `end`, and the optimiser with its old learning rate, and does not
    look at the config: epochs that were added would be trained at the end of the old curve, near learning rate 0.

    Args:
        new_schedule (bool): Use the config's schedule and options of the optimiser: the new schedule is run, without
            training, up to the epoch and iteration that the checkpoint has reached. Defaults to False, which refuses.

    Raises:
        ConfigError: The schedule or an option of the optimiser differs. The message names both values.
        CheckpointError: The checkpoint's optimiser has other groups of parameters.
    """

    def __init__(self, new_schedule: bool = False):
        self.new_schedule = new_schedule

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        """Compare before mmengine restores the optimiser and the schedules."""
        schedules, wrapper = runner.param_schedulers, runner.optim_wrapper
        saved_groups = checkpoint['optimizer'].get('param_groups') if isinstance(checkpoint.get('optimizer'), Mapping) else None
        if not runner.cfg.get('resume') or not isinstance(wrapper, OptimWrapper) or not isinstance(saved_groups, list):
            return
        schedules = [] if schedules is None else schedules
        if not isinstance(schedules, list) or not all(hasattr(schedule, 'state_dict') for schedule in schedules):
            return  # several optimisers
        groups = wrapper.optimizer.param_groups
        if len(groups) != len(saved_groups):
            raise CheckpointError(f"the checkpoint's optimiser has {len(saved_groups)} groups of parameters and that of the "
                                  f'config {len(groups)}: resume with the optim_wrapper of the checkpoint, or start from its '
                                  'weights with --cfg-options load_from=... instead of --resume')
        saved = checkpoint.get('param_schedulers') or []
        found = [*_changed_options(groups, saved_groups), *_changed_schedules(schedules, saved)]
        if not found:
            return
        sentence = '; '.join(found)
        if not self.new_schedule:
            raise ConfigError(f"the config's schedule is not the checkpoint's, which a resumed training continues: "
                              f"{sentence}; add --new-schedule to use the config's, or undo the change")
        _run_up_to(runner, schedules, checkpoint['meta'])
        for group, saved_group in zip(groups, saved_groups):
            saved_group.update({key: value for key, value in group.items() if key != 'params'})
        checkpoint['param_schedulers'] = [schedule.state_dict() for schedule in schedules]
        print_log(f"using the config's schedule from iteration {checkpoint['meta']['iter']} on, learning rate "
                  f'{groups[0]["lr"]:.4g}: {sentence}', 'current')


def _changed_options(groups: Sequence[Mapping], saved_groups: Sequence[Mapping]) -> Iterator[str]:
    seen = set()
    for group, saved_group in zip(groups, saved_groups):
        for key in group:
            # A scheduled option has its value without the schedule beside it.
            now, then = (each.get(f'initial_{key}', each.get(key)) for each in (group, saved_group))
            if key in seen or key == 'params' or key.startswith('initial_') or key not in saved_group:
                continue
            if key == 'betas' and 'initial_momentum' in group:  # a schedule of the momentum changes the first one
                now, then = now[1:], then[1:]
            # Others, such as `foreach`, differ between versions of torch and change no result.
            if isinstance(now, (int, float, list, tuple)) and not isinstance(now, bool) and _differ(now, then):
                seen.add(key)
                yield f'{key} is {now} in the config and {then} in the checkpoint'


def _changed_schedules(schedules: Sequence, saved: Sequence[Mapping]) -> Iterator[str]:
    if len(schedules) != len(saved):
        yield f'param_scheduler has {len(schedules)} schedules in the config and {len(saved)} in the checkpoint'
        return
    for number, (schedule, state) in enumerate(zip(schedules, saved)):
        shape = {key: getattr(schedule, key) for key in _arguments(type(schedule)) if key in vars(schedule)}
        if any(key not in state for key in shape):
            yield f'param_scheduler.{number} is a {type(schedule).__name__} in the config and of another type in the checkpoint'
            continue
        changed = {key: (value, state[key]) for key, value in shape.items() if _differ(value, state[key])}
        if changed:
            now, then = (', '.join(f'{key}={pair[side]}' for key, pair in changed.items()) for side in (0, 1))
            yield f'param_scheduler.{number} has {now} in the config and {then} in the checkpoint'


def _arguments(cls: type) -> list[str]:
    names = [name for base in inspect.getmro(cls) if '__init__' in vars(base) for name in inspect.signature(base).parameters]
    return [name for name in dict.fromkeys(names) if name not in _POSITION]


def _differ(now, then) -> bool:
    if all(isinstance(value, (int, float)) for value in (now, then)):
        return not math.isclose(now, then, rel_tol=1e-6)
    if all(isinstance(value, (list, tuple)) for value in (now, then)):
        return list(now) != list(then)
    return now != then


def _run_up_to(runner, schedules: Sequence, meta: Mapping) -> None:
    """Step new schedules as often as the training that the checkpoint is from would have."""
    iterations, length = meta['iter'], max(1, len(runner.train_dataloader))
    epochs = meta['epoch'] if isinstance(runner.train_loop, EpochBasedTrainLoop) else 0
    schedules = [schedule for schedule in schedules if not getattr(schedule, 'need_val_args', False)]
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # of schedules that step while the optimiser does not
        done = 0
        for epoch in range(epochs):
            until = min(iterations, (epoch + 1) * length)
            _step(schedules, False, until - done)
            _step(schedules, True, 1)
            done = until
        _step(schedules, False, iterations - done)


def _step(schedules: Sequence, by_epoch: bool, times: int) -> None:
    counted = [schedule for schedule in schedules if schedule.by_epoch == by_epoch]
    for _ in range(times if counted else 0):
        for schedule in counted:
            schedule.step()
