"""Fold batch normalisation into the convolution before it, for the exact form."""
from collections.abc import Iterator
from itertools import pairwise

import torch
from torch import Tensor, nn

from mmmux.utils.compat import BatchNorm
from mmmux.utils.errors import ConfigError, in_a_line


def norm_scale_and_shift(norm: nn.Module) -> tuple[Tensor, Tensor]:
    """Return the scale and the shift of a normalisation layer, which computes `x * scale + shift` in evaluation mode.

    Args:
        norm (nn.Module): Batch normalisation of C channels.

    Returns:
        tuple[Tensor, Tensor]: Scale (C, ) and shift (C, ), float64.

    Raises:
        ConfigError: The layer is not a batch normalisation with running statistics.
    """
    if not isinstance(norm, BatchNorm) or norm.running_mean is None:
        raise ConfigError('norm_cfg of a model with an exact form must give batch normalisation with running statistics (BN or '
                          f'SyncBN), got {in_a_line(str(norm))}')
    scale = 1 / (norm.running_var.double() + norm.eps).sqrt()
    if norm.affine:
        scale = scale * norm.weight.double()
    shift = -norm.running_mean.double() * scale
    return scale, shift + norm.bias.double() if norm.affine else shift


def folded_weight(conv: nn.Conv2d, norm: nn.Module) -> tuple[Tensor, Tensor]:
    """Return the weight and the bias of a convolution that equals `conv` followed by `norm`.

    Args:
        conv (nn.Conv2d): Convolution.
        norm (nn.Module): Batch normalisation of its output.

    Returns:
        tuple[Tensor, Tensor]: Weight (out, in / groups, k, k) and bias (out, ), float64.

    Raises:
        ConfigError: The layer is not a batch normalisation with running statistics.
    """
    scale, shift = norm_scale_and_shift(norm)
    bias = shift if conv.bias is None else shift + conv.bias.double() * scale
    return conv.weight.double() * scale[:, None, None, None], bias


def conv_with(weight: Tensor, bias: Tensor | None, **geometry) -> nn.Conv2d:
    """Make a frozen convolution from its weight and bias.

    Args:
        weight (Tensor): (out, in / groups, k, k).
        bias (Tensor | None): (out, ), or None.
        **geometry: `stride`, `padding`, `dilation` and `groups` of `torch.nn.Conv2d`.

    Returns:
        nn.Conv2d: Convolution with the device and the data type of `weight`.
    """
    groups = geometry.get('groups', 1)
    conv = nn.Conv2d(weight.shape[1] * groups, weight.shape[0], tuple(weight.shape[2:]), bias=bias is not None,
                     device=weight.device, dtype=weight.dtype, **geometry)
    with torch.no_grad():
        conv.weight.copy_(weight)
        if bias is not None:
            conv.bias.copy_(bias)
    return conv.requires_grad_(False)


def fold(conv: nn.Conv2d, norm: nn.Module) -> nn.Conv2d:
    """Make one convolution that equals `conv` followed by `norm`, in the data type of `conv`.

    Args:
        conv (nn.Conv2d): Convolution.
        norm (nn.Module): Batch normalisation of its output.

    Returns:
        nn.Conv2d: Frozen convolution with a bias.

    Raises:
        ConfigError: The layer is not a batch normalisation with running statistics.
    """
    return conv_with(*folded_weight(conv, norm), stride=conv.stride, padding=conv.padding, dilation=conv.dilation,
                     groups=conv.groups).to(conv.weight.dtype)


def fold_everywhere(model: nn.Module) -> None:
    """Fold each batch normalisation that directly follows a convolution.

    Such pairs are found inside `nn.Sequential` and in mmcv's `ConvModule` with the order conv, norm, from which
    depthwise-separable heads and necks are built.

    Args:
        model (nn.Module): Model in evaluation mode; changed in place.
    """
    for module in list(model.modules()):
        for conv_name, norm_name in _pairs(module):
            conv, norm = module.get_submodule(conv_name), module.get_submodule(norm_name)
            if type(conv) is nn.Conv2d and isinstance(norm, BatchNorm) and norm.running_mean is not None:
                module.add_module(conv_name, fold(conv, norm))
                module.add_module(norm_name, nn.Identity())


def _pairs(module: nn.Module) -> Iterator[tuple[str, str]]:
    if isinstance(module, nn.Sequential):
        # Unlike `named_children`, this names a layer at each of its places.
        names = [name for name, _ in module.named_modules(remove_duplicate=False) if name and '.' not in name]
        yield from pairwise(names)
    # mmcv's ConvModule is recognised by its attributes: importing mmcv here would make every export require it.
    elif getattr(module, 'with_norm', False) and getattr(module, 'order', ())[:2] == ('conv', 'norm'):
        yield 'conv', module.norm_name
