"""A hook that tells a checkpoint of another model before anything is computed with it."""
import logging
from collections.abc import Mapping

from mmengine.hooks import Hook
from mmengine.logging import print_log

from mmmux.checkpoints.pretrained import check_numbers, describe, mismatches, state_dict_of
from mmmux.registry import HOOKS
from mmmux.utils.errors import CheckpointError


@HOOKS.register_module()
class CheckpointMatchHook(Hook):
    """Compare every checkpoint that the runner loads with its model.

    mmengine skips what does not fit and goes on, so a test of the wrong checkpoint ends with a score of nearly zero. Here a
    checkpoint that fits nowhere is refused, one that fits in part is refused in testing, and in training (starting from
    another task's weights) it is said once how much was taken. Resuming needs all of it, and the optimiser's state. Weights
    that are infinite or NaN are always refused.

    Raises:
        CheckpointError: as above; the message names the first weight that does not fit.
    """

    def __init__(self):
        self.complaint = None

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        """Compare, before mmengine copies the weights."""
        model = runner.model
        while hasattr(model, 'module'):  # distributed training and test-time augmentation wrap the model
            model = model.module
        name = runner.cfg.get('load_from') or f'to resume from in {runner.work_dir}'
        state = state_dict_of(checkpoint, name)
        missing, reshaped, total = mismatches(model, state)
        complaint = describe(model, state)
        self.complaint = f'checkpoint {name} {complaint}' if complaint else None
        if complaint and (runner.cfg.get('resume') or len(missing) + len(reshaped) == total):
            raise CheckpointError(self.complaint)
        check_numbers(model, state, name)
        if runner.cfg.get('resume') and not _is_of_a_training(checkpoint):
            raise CheckpointError(f'checkpoint {name} holds weights only, and resuming needs the state of the training: start '
                                  'from it with --cfg-options load_from=... instead of --resume')
        if complaint:
            print_log(f'checkpoint {name} fits in part: of {total} weights {len(missing)} are missing and {len(reshaped)} have '
                      'another shape; these keep their initial values', logger='current', level=logging.WARNING)

    def before_test(self, runner) -> None:
        """Refuse to test a model that is loaded in part."""
        if self.complaint:
            raise CheckpointError(self.complaint)


def _is_of_a_training(checkpoint: dict) -> bool:
    parts = [checkpoint.get(name) for name in ('optimizer', 'meta', 'message_hub')]
    return all(isinstance(part, Mapping) for part in parts) and all(
        isinstance(parts[1].get(count), int) and parts[1][count] >= 0 for count in ('epoch', 'iter'))
