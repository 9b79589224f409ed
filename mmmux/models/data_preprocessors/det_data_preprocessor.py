"""mmdet's data preprocessor for images of any number of channels."""
from collections.abc import Sequence

import torch
from mmdet.models import DetDataPreprocessor as MMDetDetDataPreprocessor

from mmmux.registry import MODELS
from mmmux.utils.errors import ConfigError


@MODELS.register_module()
class DetDataPreprocessor(MMDetDetDataPreprocessor):
    """mmdet's DetDataPreprocessor with a mean and a deviation for each channel, of any number of channels.

    mmengine accepts 1 or 3 values. The preprocessors of mmseg and mmpretrain accept any number.

    Args:
        mean (Sequence[float] | None): Mean of each channel, or one value for all. Defaults to None: images are not normalised.
        std (Sequence[float] | None): Standard deviations, likewise. Defaults to None.
        bgr_to_rgb (bool): Swap the first and third of three channels. Defaults to False.
        rgb_to_bgr (bool): As `bgr_to_rgb`. Defaults to False.
        **kwargs: Further arguments of mmdet's DetDataPreprocessor.

    Raises:
        ConfigError: `mean` and `std` differ in length, a deviation is not positive, or channels would be swapped in images of
            other than three channels.
    """

    def __init__(self, mean: Sequence[float] | None = None, std: Sequence[float] | None = None, bgr_to_rgb: bool = False,
                 rgb_to_bgr: bool = False, **kwargs):
        channels = None if mean is None else len(mean)
        if (mean is None) != (std is None) or (std is not None and (len(std) != channels or min(std, default=0) <= 0)):
            raise ConfigError('model.data_preprocessor needs mean and std with one value for each channel, of which those of '
                              f'std are above 0, got mean={mean} and std={std}')
        if (bgr_to_rgb or rgb_to_bgr) and channels not in (None, 1, 3):
            raise ConfigError(f'model.data_preprocessor would swap the colours of images of {channels} channels: set '
                              'bgr_to_rgb and rgb_to_bgr to False')
        super().__init__(mean=mean and [0.], std=std and [1.], bgr_to_rgb=bgr_to_rgb, rgb_to_bgr=rgb_to_bgr, **kwargs)
        if mean is not None:
            self.register_buffer('mean', torch.tensor(mean, dtype=torch.float32).view(-1, 1, 1), False)
            self.register_buffer('std', torch.tensor(std, dtype=torch.float32).view(-1, 1, 1), False)
