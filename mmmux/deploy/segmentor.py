"""A segmentor as a function from prepared pictures to named tensors."""
import torch.nn.functional as F
from torch import Tensor, nn

from mmmux.utils.errors import ConfigError

from .exact.adaptive_pool import replace_adaptive_pools


class Segmentor(nn.Module):
    """A segmentor that sees each picture whole, from prepared pictures to classes.

    Args:
        model: a segmentor of mmseg; its adaptive pools are replaced.
        raw: leave out arg max.

    Attributes:
        outputs: for each output its name and meaning.
        order: of the values in the outputs.

    Raises:
        ConfigError: the segmentor sees parts of a picture one by one.
    """

    def __init__(self, model: nn.Module, raw: bool):
        super().__init__()
        if model.test_cfg.mode != 'whole':
            raise ConfigError(f"only segmentors that see pictures whole can be exported: model.test_cfg.mode is "
                              f"'{model.test_cfg.mode}', give --cfg-options model.test_cfg.mode=whole")
        self.model = model
        self.raw = raw
        self.outputs = dict(logits='before softmax or sigmoid') if raw else dict(labels='index into classes')
        self.order = 'a label for each pixel of the input'
        replace_adaptive_pools(model)

    def forward(self, x: Tensor) -> tuple[Tensor]:
        """(N, 3, H, W) -> label map (N, H, W); raw: logits (N, classes, H, W)."""
        head = self.model.decode_head
        logits = head(self.model.extract_feat(x))
        logits = F.interpolate(logits, size=x.shape[-2:], mode='bilinear', align_corners=head.align_corners)
        if self.raw:
            return (logits, )
        if head.out_channels == 1:
            return ((logits.sigmoid() > head.threshold).long().squeeze(1), )
        return (logits.argmax(1), )
