"""Wrap a classifier as a function from preprocessed images to named tensors."""
from collections.abc import Callable

from torch import Tensor, nn


class Classifier(nn.Module):
    """Map preprocessed images to class scores.

    Args:
        model (nn.Module): Classifier of mmpretrain.
        raw (bool): Return logits instead of scores.
        scores (Callable[[Tensor], Tensor]): Maps logits (N, classes) to scores (N, classes): softmax or sigmoid.

    Attributes:
        outputs (dict[str, str]): Name and meaning of each output.
        order (str): Order of the values in the outputs.
    """

    def __init__(self, model: nn.Module, raw: bool, scores: Callable[[Tensor], Tensor]):
        super().__init__()
        self.model = model
        self.raw = raw
        self.scores = scores
        self.outputs = dict(logits='before softmax or sigmoid') if raw else dict(scores='from 0 to 1')
        self.order = 'one for each class'

    def forward(self, x: Tensor) -> tuple[Tensor]:
        """Compute the class scores of a batch of images.

        Args:
            x (Tensor): Preprocessed images (N, 3, H, W).

        Returns:
            tuple[Tensor]: Scores from 0 to 1, or with `raw` logits, (N, classes).
        """
        logits = self.model(x, mode='tensor')
        return (logits if self.raw else self.scores(logits), )
