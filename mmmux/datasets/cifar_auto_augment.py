"""Augment CIFAR images with torchvision's AutoAugment policy for CIFAR-10."""
import numpy as np
from mmcv.transforms import BaseTransform
from PIL import Image
from torchvision.transforms import AutoAugment, AutoAugmentPolicy

from mmmux.registry import TRANSFORMS

from .loading import picture_in_memory


@TRANSFORMS.register_module()
class CIFARAutoAugment(BaseTransform):
    """Apply one random sub-policy of the 25 that AutoAugment learned for CIFAR-10 (Cubuk et al., CVPR 2019).

    The sub-policies are torchvision's. mmpretrain has the ImageNet policy only, and its wrapper of torchvision's transforms
    cannot select a policy.
    """

    def __init__(self):
        self.augment = AutoAugment(AutoAugmentPolicy.CIFAR10)

    def transform(self, results: dict) -> dict:
        """Augment `img`.

        Args:
            results (dict): with `img`, (H, W, 3), uint8, 0 to 255, RGB, or BGR if `channel_order` is 'bgr'.

        Returns:
            dict: `results` with a new `img` of the same shape and type.
        """
        augmented = self.augment(Image.fromarray(picture_in_memory(results)))
        # Copied, as Pillow's own array is read-only, and in the order of the channels that was given.
        results['img'] = np.array(picture_in_memory(dict(results, img=np.asarray(augmented))))
        return results
