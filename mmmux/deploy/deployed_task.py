"""Define the interface that deployment needs of a task."""
from collections.abc import Sequence
from typing import Protocol

import numpy
from torch import Tensor, nn


class DeployedTask(Protocol):
    """The methods of :class:`mmmux.tasks.Task` that deployment calls; that class documents them."""

    name: str

    def deployable(self, model: nn.Module, raw: bool) -> nn.Module: ...

    def difference(self, names: Sequence[str], ours: Sequence[numpy.ndarray], theirs: Sequence[numpy.ndarray],
                   precision: str) -> str | None: ...

    def put_prediction(self, sample, *outputs: Tensor) -> None: ...
