"""Wrap a segmentor as a function from preprocessed images to named tensors."""
import torch.nn.functional as F
from torch import Tensor, nn

from mmmux.utils.errors import ConfigError

from .exact.adaptive_pool import replace_adaptive_pools


class Segmentor(nn.Module):
    """Map preprocessed images to label maps, with a segmentor that processes each image as a whole.

    Args:
        model (nn.Module): Segmentor of mmseg; its adaptive pools are replaced in place, see
            :func:`.exact.adaptive_pool.replace_adaptive_pools`.
        raw (bool): Return logits instead of labels.

    Attributes:
        outputs (dict[str, str]): Name and meaning of each output.
        order (str): Order of the values in the outputs.

    Raises:
        ConfigError: `model.test_cfg.mode` is not 'whole'.
    """

    def __init__(self, model: nn.Module, raw: bool):
        super().__init__()
        if model.test_cfg.mode != 'whole':
            raise ConfigError(f"model.test_cfg.mode must be 'whole' for an export, got '{model.test_cfg.mode}': add "
                              '--cfg-options model.test_cfg.mode=whole')
        self.model = model
        self.raw = raw
        self.outputs = dict(logits='before softmax or sigmoid') if raw else dict(labels='index into classes')
        self.order = 'a label for each pixel of the input'
        replace_adaptive_pools(model)

    def forward(self, x: Tensor) -> tuple[Tensor]:
        """Compute the label maps of a batch of images.

        Args:
            x (Tensor): Preprocessed images (N, 3, H, W).

        Returns:
            tuple[Tensor]: Labels (N, H, W), int64, or with `raw` logits (N, classes, H, W).
        """
        head = self.model.decode_head
        logits = head(self.model.extract_feat(x))
        logits = F.interpolate(logits, size=x.shape[-2:], mode='bilinear', align_corners=head.align_corners)
        if self.raw:
            return (logits, )
        if head.out_channels == 1:
            return ((logits.sigmoid() > head.threshold).long().squeeze(1), )
        return (logits.argmax(1), )
