"""AutoAugment's policy for CIFAR, from torchvision."""
import numpy as np
from mmcv.transforms import BaseTransform
from PIL import Image
from torchvision.transforms import AutoAugment, AutoAugmentPolicy

from mmmux.registry import TRANSFORMS


@TRANSFORMS.register_module()
class CIFARAutoAugment(BaseTransform):
    """One of the 25 pairs of operations that AutoAugment found for CIFAR-10 (Cubuk et al., CVPR 2019), as torchvision has them.

    mmpretrain has the ImageNet policy only, and its way of using torchvision's transforms cannot name a policy.
    """

    def __init__(self):
        self.augment = AutoAugment(AutoAugmentPolicy.CIFAR10)

    def transform(self, results: dict) -> dict:
        """Change `img` (H, W, 3), RGB, 0 to 255."""
        results['img'] = np.array(self.augment(Image.fromarray(results['img'])))  # a view of Pillow's could not be written
        return results
