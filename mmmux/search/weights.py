"""Inherit weights from a network that was evaluated before."""
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
    """Return the evaluated network whose genome differs in the fewest genes; ties go to the lowest error, then to the earliest.

    Args:
        genome (Genome): Canonical genome.
        evaluations (Sequence[Evaluation]): Evaluations; those without a result are ignored.

    Returns:
        Evaluation | None: The nearest network; None without results.
    """
    good = [evaluation for evaluation in evaluations if evaluation.done]
    return min(good, default=None, key=lambda evaluation: (
        sum(ours != theirs for ours, theirs in zip(genome, evaluation.genome, strict=True)), evaluation.error,
        evaluation.generation, evaluation.index))


def inherit(model: nn.Module, checkpoint: str) -> tuple[int, int]:
    """Copy the weights and buffers of a checkpoint whose names and shapes equal the model's.

    Args:
        model (nn.Module): Model of any architecture; changed in place.
        checkpoint (str): Checkpoint file of the same or another architecture.

    Returns:
        tuple[int, int]: Number of copied tensors, and number of tensors of the model.

    Raises:
        CheckpointError: The file cannot be read safely, holds no weights, or holds weights that are not finite.
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
    """Inherit weights before a training, after the model's own initialisation.

    Args:
        checkpoint (str): Checkpoint file, see :func:`inherit`.
    """

    def __init__(self, checkpoint: str):
        self.checkpoint = checkpoint

    def before_train(self, runner) -> None:
        """Inherit the weights, and log the number of copied tensors.

        Args:
            runner (Runner): Runner of the training.
        """
        model = runner.model.module if hasattr(runner.model, 'module') else runner.model
        taken, total = inherit(model, self.checkpoint)
        print_log(f'{taken} of {total} tensors are inherited from {self.checkpoint}', logger='current', level=logging.WARNING)
