"""Load a stem that was trained on three channels into one with another number of channels."""
import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from .pretrained import pretrained_states

_TRAINED = 3


def adapted(weight: Tensor, channels: int) -> Tensor:
    """Adapt the weight of a convolution of three channels to another number, as timm's `adapt_input_conv` does.

    For one channel, the three are summed. For others, they are repeated in their order and scaled by 3 / channels, so that the
    features keep their scale: exactly for an image of equal channels if their number is 1 or divisible by 3, else about.

    Args:
        weight (Tensor): (out channels, 3, kernel height, kernel width).
        channels (int): The new number of input channels.

    Returns:
        Tensor: (out channels, channels, kernel height, kernel width), of the same dtype.
    """
    if channels == 1:
        return weight.float().sum(1, keepdim=True).to(weight.dtype)
    repeated = weight.float().repeat(1, math.ceil(channels / _TRAINED), 1, 1)[:, :channels]
    return (repeated * (_TRAINED / channels)).to(weight.dtype)


@contextmanager
def stem_of_three_channels(module: nn.Module, conv: nn.Conv2d, key: str) -> Iterator[None]:
    """Give a convolution three input channels in this context, and adapt its weight afterwards.

    Nothing is changed unless `module.init_cfg` names a `Pretrained` checkpoint whose stem has three input channels and `conv`
    has another number.

    Args:
        module (nn.Module): The module with `init_cfg`, whose weights are loaded in the context.
        conv (nn.Conv2d): The first convolution of the module.
        key (str): Key of its weight in the module, e.g. 'stem.0.weight'.

    Raises:
        CheckpointError: The checkpoint holds no weights.
    """
    own = conv.weight.shape[1]
    shapes = [state[key].shape for state in pretrained_states(module) if hasattr(state.get(key), 'shape')] if own != _TRAINED \
        else []
    if not any(len(shape) == 4 and shape[1] == _TRAINED for shape in shapes):
        yield
        return
    kept = conv.weight.data
    # The parameter stays the same object: mmengine refuses a new one while it initialises.
    conv.weight.data = torch.zeros(kept.shape[0], _TRAINED, *kept.shape[2:], dtype=kept.dtype, device=kept.device)
    try:
        yield
    except BaseException:
        conv.weight.data = kept
        raise
    conv.weight.data = adapted(conv.weight.data, own)
