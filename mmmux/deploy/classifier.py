"""A classifier as a function from prepared pictures to named tensors."""
from collections.abc import Callable

from torch import Tensor, nn


class Classifier(nn.Module):
    """A classifier, from prepared pictures to scores.

    Args:
        model: a classifier of mmpretrain.
        raw: give logits.
        scores: the function from logits (N, classes) to scores, softmax or sigmoid.

    Attributes:
        outputs: for each output its name and meaning.
        order: of the values in the outputs.
    """

    def __init__(self, model: nn.Module, raw: bool, scores: Callable[[Tensor], Tensor]):
        super().__init__()
        self.model = model
        self.raw = raw
        self.scores = scores
        self.outputs = dict(logits='before softmax or sigmoid') if raw else dict(scores='from 0 to 1')
        self.order = 'one for each class'

    def forward(self, x: Tensor) -> tuple[Tensor]:
        """(N, 3, H, W) -> scores or logits (N, classes)."""
        logits = self.model(x, mode='tensor')
        return (logits if self.raw else self.scores(logits), )
