"""Inheriting weights from a network that was evaluated before."""
import logging
from collections.abc import Sequence

import torch
from mmengine.hooks import Hook
from mmengine.logging import print_log
from torch import nn

from mmmux.checkpoints.pretrained import check_numbers, state_dict_of
from mmmux.checkpoints.safe_loading import load_checkpoint_file
from mmmux.registry import HOOKS

from .journal import Evaluation, Genome


def nearest_parent(genome: Genome, evaluations: Sequence[Evaluation]) -> Evaluation | None:
    """The good evaluation with the fewest genes that differ; of several, the one with the least error, then the earliest."""
    good = [evaluation for evaluation in evaluations if evaluation.done]
    return min(good, default=None, key=lambda evaluation: (
        sum(ours != theirs for ours, theirs in zip(genome, evaluation.genome, strict=True)), evaluation.error,
        evaluation.generation, evaluation.index))


def inherit(model: nn.Module, checkpoint: str) -> tuple[int, int]:
    """Copy the weights of a checkpoint whose name and shape are those of the model's.

    Args:
        model: of any architecture; buffers are copied, too.
        checkpoint: file of another, or of the same.

    Returns:
        tuple: how many tensors were taken, and how many the model has.

    Raises:
        CheckpointError: the file cannot be read safely, or holds no weights or some that are no numbers.
    """
    theirs = state_dict_of(load_checkpoint_file(checkpoint, map_location='cpu'), checkpoint)
    check_numbers(model, theirs, checkpoint)
    ours = model.state_dict()
    taken = [name for name, tensor in ours.items() if getattr(theirs.get(name), 'shape', None) == tensor.shape]
    with torch.no_grad():
        for name in taken:
            ours[name].copy_(theirs[name])
    return len(taken), len(ours)


@HOOKS.register_module()
class InheritWeightsHook(Hook):
    """Inherit at the start of a training, after the model's own initialisation.

    Args:
        checkpoint: see :func:`inherit`.
    """

    def __init__(self, checkpoint: str):
        self.checkpoint = checkpoint

    def before_train(self, runner) -> None:
        """Inherit, and say how much."""
        model = runner.model.module if hasattr(runner.model, 'module') else runner.model
        taken, total = inherit(model, self.checkpoint)
        print_log(f'{taken} of {total} tensors are inherited from {self.checkpoint}', logger='current', level=logging.WARNING)
