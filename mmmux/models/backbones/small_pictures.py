"""Adapt backbones designed for images of 224 x 224 pixels to images of 32 x 32 pixels."""
from mmengine.registry import MODELS as MMENGINE_MODELS
from torch import nn

from mmmux.registry import MODELS
from mmmux.utils.errors import ConfigError


@MODELS.register_module('WithoutEarlyStrides')
def without_early_strides(backbone: dict, removed: int = 1, **options) -> nn.Module:
    """Build a backbone and set the stride of its first strided convolutions to 1.

    ImageNet networks are commonly adapted in this way to the 32 x 32 pixels of CIFAR images. The function works for every
    backbone whose strided convolutions follow one another and whose shortcuts have no stride, so that several networks can be
    compared under the same change. The weights and their names do not change.

    Args:
        backbone (dict): Config of the backbone.
        removed (int): Number of strides of 2 to remove, counted from the input. For a backbone of stride 32, 1 leaves a total
            stride of 16 and 2 leaves 8. Parallel convolutions (mixed kernels) count as one. Defaults to 1.
        **options: Further arguments of the backbone.

    Returns:
        nn.Module: The changed backbone.

    Raises:
        ConfigError: `removed` is not a whole number from 0 to the number of strides of the backbone.
    """
    network = MMENGINE_MODELS.build({**backbone, **options})
    strided: dict[str, list[nn.Conv2d]] = {}
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d) and module.stride != (1, 1):
            strided.setdefault(name.partition('.convs.')[0], []).append(module)
    if isinstance(removed, bool) or not isinstance(removed, int) or not 0 <= removed <= len(strided):
        raise ConfigError(f'removed of WithoutEarlyStrides must be a whole number from 0 to {len(strided)}, the strided '
                          f'convolutions of {backbone["type"]}, got {removed!r}')
    for name, convs in list(strided.items())[:removed]:
        for conv in convs:
            conv.stride = (1, 1)
        layer = network.get_submodule(name)
        if not isinstance(layer, nn.Conv2d) and hasattr(layer, 'stride'):  # SpatialMux crops its output by its own stride
            layer.stride = 1
    return network
