"""Hook that refuses a checkpoint that does not fit the model, before the first iteration."""
import logging
from collections.abc import Mapping

from mmengine.hooks import Hook
from mmengine.logging import print_log

from mmmux.checkpoints.pretrained import check_numbers, describe, mismatches, state_dict_of
from mmmux.registry import HOOKS
from mmmux.utils.errors import CheckpointError


@HOOKS.register_module()
class CheckpointMatchHook(Hook):
    """Compare every checkpoint that the runner loads with the model of the runner.

    mmengine skips weights that do not fit and continues, so a test of the wrong checkpoint ends with a score near zero. This
    hook refuses

    - a checkpoint of which no weight fits;
    - in testing, a checkpoint of which some weights do not fit. In training, which may start from the weights of another task,
      the hook logs the number of weights that do not fit instead;
    - in resuming, a checkpoint of which some weights do not fit or that lacks the state of the optimiser;
    - a checkpoint with infinite or NaN weights.

    Raises:
        CheckpointError: The checkpoint is refused. The message names the first weight that does not fit.
    """

    def __init__(self):
        self.complaint = None

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        """Compare the checkpoint with the model before mmengine copies the weights."""
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
            print_log(f'checkpoint {name} fits in part: of {total} weights of the model {len(missing)} are missing and '
                      f'{len(reshaped)} have another shape; these keep their initial values', logger='current',
                      level=logging.WARNING)

    def before_test(self, runner) -> None:
        """Refuse to test a model whose weights were loaded only in part."""
        if self.complaint:
            raise CheckpointError(self.complaint)


def _is_of_a_training(checkpoint: dict) -> bool:
    parts = [checkpoint.get(name) for name in ('optimizer', 'meta', 'message_hub')]
    return all(isinstance(part, Mapping) for part in parts) and all(
        isinstance(parts[1].get(count), int) and parts[1][count] >= 0 for count in ('epoch', 'iter'))
