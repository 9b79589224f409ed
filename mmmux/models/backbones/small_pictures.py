"""Networks made for 224 x 224 pictures, on pictures of 32 x 32."""
from mmengine.registry import MODELS as MMENGINE_MODELS
from torch import nn

from mmmux.registry import MODELS
from mmmux.utils.errors import ConfigError


@MODELS.register_module('WithoutEarlyStrides')
def without_early_strides(backbone: dict, removed: int = 1, **options) -> nn.Module:
    """Build a backbone whose first strided convolutions have stride 1, so that small pictures keep their resolution longer.

    The usual way to bring an ImageNet network to CIFAR's 32 x 32 pixels. Any backbone can be given whose strides come one after
    another, with none in its shortcuts, so that networks are compared under the same change. Weights and their names stay what
    they are.

    Args:
        backbone: config of the backbone.
        removed: how many strides of 2 to remove, counted from the input: 1 leaves a stride of 16 in all, 2 one of 8. With
            several convolutions side by side (mixed kernels), all of them count as one.
        options: further arguments of the backbone.

    Raises:
        ConfigError: `removed` is no number of strides that the backbone has.
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
        if not isinstance(layer, nn.Conv2d) and hasattr(layer, 'stride'):  # spatial multiplexing crops by its own
            layer.stride = 1
    return network
