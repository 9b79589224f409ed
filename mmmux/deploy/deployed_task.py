"""The part of a task that deployment uses."""
from collections.abc import Sequence
from typing import Protocol

import numpy
from torch import Tensor, nn


class DeployedTask(Protocol):
    """The part of :class:`mmmux.tasks.Task` that deployment uses, and where each method is described."""

    name: str

    def deployable(self, model: nn.Module, raw: bool) -> nn.Module: ...

    def difference(self, names: Sequence[str], ours: Sequence[numpy.ndarray], theirs: Sequence[numpy.ndarray],
                   precision: str) -> str | None: ...

    def put_prediction(self, sample, *outputs: Tensor) -> None: ...
