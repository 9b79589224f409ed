"""Decide which rows of a search space can be built on which channels."""
import itertools

import numpy as np

from mmmux.models.architectures import MUX
from mmmux.models.layers.channel_split import near_equal_groups
from mmmux.utils.errors import ConfigError

from .space_config import StageChoices

# The choices of a MUX row that, with the channels of its stage, decide whether the block can be built.
MUX_CHANNEL_CHOICES = ('split_ratio', 'expand_ratio', 'scales')


def check_first_row(stage: StageChoices, channels: int, where: str) -> None:
    """Check that every first row of a stage can be built.

    Args:
        stage (StageChoices): The stage.
        channels (int): Channels before the stage.
        where (str): Config key of the stage, for error messages.

    Raises:
        ConfigError: A kernel size has more groups than there are channels.
    """
    for expand_ratio in stage.first.get('expand_ratio', (1, )):
        hidden = int(channels * expand_ratio)
        kernels = max((kernel for kernel in stage.first['kernel_size'] if isinstance(kernel, tuple)), key=len, default=(0, ))
        if hidden < len(kernels):
            expanded = f' expanded by {expand_ratio}' if stage.kind == 'IR' else ''
            raise ConfigError(f'{where} of the search space cannot split {channels} channels{expanded} into {len(kernels)} '
                              f'groups for kernel_size {kernels}')


def fitting_scales(stage: StageChoices, where: str) -> np.ndarray:
    """Return which `scales` fit which channels of the MUX blocks of a stage.

    Args:
        stage (StageChoices): The stage, which has MUX blocks.
        where (str): Config key of the stage, for error messages.

    Returns:
        ndarray: (out_channels, split_ratio, expand_ratio, scales), bool.

    Raises:
        ConfigError: The first `scales` do not fit all channels, or others fit none.
    """
    names = ('out_channels', *MUX_CHANNEL_CHOICES)
    choices = [stage.first['out_channels'], *(stage.mux[name] for name in MUX_CHANNEL_CHOICES)]
    fits = np.array([mux_row_fits(*values) for values in itertools.product(*choices)])
    fits = fits.reshape([len(values) for values in choices])
    if not fits[..., 0].all():
        values = [values[at] for values, at in zip(choices, np.argwhere(~fits[..., :1])[0])]
        described = ', '.join(f'{name} {value}' for name, value in zip(names, values))
        raise ConfigError(f'MUX blocks with {described} cannot be built, and {where} of the search space allows '
                          'them: widths must be even, expanded channels even, or divisible by 4 in every group of scale +1')
    never = np.flatnonzero(~fits.any(axis=(0, 1, 2)))
    if len(never):
        raise ConfigError(f'{where}.mux.scales {choices[-1][never[0]]} of the search space fits none of its channels: a group '
                          'of scale +1 needs expanded channels divisible by 4')
    return fits


def mux_row_fits(channels: int, split_ratio: float, expand_ratio: float, scales: tuple[int, ...] | None) -> bool:
    """Return whether a MUX block can be built.

    Its k x k convolution is in groups of two channels if `scales` is None, and otherwise has one group of channels for each
    scale.

    Args:
        channels (int): Channels of the stage.
        split_ratio (float): Share of the channels that the block processes.
        expand_ratio (float): Hidden channels divided by processed channels.
        scales (tuple[int, ...] | None): -1, 0 or +1 for each group, or None.

    Returns:
        bool: True if the block can be built.
    """
    hidden = int(int(channels * split_ratio) * expand_ratio)
    if channels % MUX.shuffle_groups or not hidden:
        return False
    if scales is None:
        return hidden % 2 == 0
    if len(scales) > hidden:
        return False
    return all(scale != 1 or share % 4 == 0 for share, scale in zip(near_equal_groups(hidden, len(scales)), scales))
