"""Rows of an architecture table: the options of one block of MUXNet, checked."""
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from numbers import Integral, Real
from typing import Any, ClassVar, Literal, get_args

from mmmux.utils.errors import ConfigError

Accepted = tuple[str, Callable[[Any], bool]]
Activation = Literal['ReLU', 'Swish']


def is_count(value: Any) -> bool:
    return isinstance(value, Integral) and value > 0


def is_number(value: Any) -> bool:
    return isinstance(value, Real)


def _is_kernel_size(value: Any) -> bool:
    sizes = value if isinstance(value, tuple) else (value, )
    return bool(sizes) and all(is_count(size) and size % 2 for size in sizes)


# Field name -> (accepted values in words, for the error message; function that tests a value).
_ROW_FIELDS = {
    'out_channels': ('a positive whole number', is_count),
    'shuffle_groups': ('a positive whole number', is_count),
    'kernel_size': ('an odd number, or a list of odd numbers', _is_kernel_size),
    'stride': ('1 or 2', lambda value: value in (1, 2)),
    'expand_ratio': ('a number above 0', lambda value: is_number(value) and value > 0),
    'se_ratio': ('a number from 0 (no SE) up', lambda value: is_number(value) and value >= 0),
    'split_ratio': ('a number above 0 and at most 1', lambda value: is_number(value) and 0 < value <= 1),
    'act': (f'one of {get_args(Activation)}', lambda value: value in get_args(Activation)),
    'scales': ('None or a list of -1, 0 and +1',
               lambda value: value is None or (isinstance(value, tuple) and value and set(value) <= {-1, 0, 1})),
}


def _as_tuples(value: Any) -> Any:
    # Configs hold lists. Rows must be hashable, so they store tuples.
    return tuple(_as_tuples(item) for item in value) if isinstance(value, (list, tuple)) else value


class Checked:
    """Base of dataclasses: convert lists to tuples and check every field when an instance is created.

    Attributes:
        accepted (Mapping[str, Accepted]): For each field, the accepted values in words and the function that tests a value.

    Raises:
        ConfigError: A field has a value that is not accepted.
    """
    accepted: ClassVar[Mapping[str, Accepted]]

    def __post_init__(self):
        for field in fields(self):
            value = _as_tuples(getattr(self, field.name))
            object.__setattr__(self, field.name, value)  # a frozen dataclass refuses plain assignment
            words, accepts = self.accepted[field.name]
            if not accepts(value):
                raise ConfigError(f'{field.name} of {type(self).__name__} must be {words}, got {value!r}')


class _CheckedRow(Checked):
    accepted = _ROW_FIELDS


@dataclass(frozen=True)
class DS(_CheckedRow):
    """Row of a depthwise separable block: depthwise k x k, squeeze-and-excitation (SE), 1x1 projection.

    Args:
        out_channels (int): Number of output channels.
        kernel_size (int | tuple[int, ...]): Odd size of the depthwise kernel in pixels. A tuple gives one size per group of
            channels (mixed kernels). Defaults to 3.
        stride (int): Stride of the depthwise convolution, 1 or 2. Defaults to 1.
        se_ratio (float): Channels between the two SE convolutions, as a fraction of the block's input channels. 0 disables
            SE. Defaults to 0.25.
        act (str): Activation of the block, 'ReLU' or 'Swish'. Defaults to 'Swish'.
        scales (tuple[int, ...] | None): Spatial multiplexing scale of each group of channels: -1, 0 or +1. None disables
            spatial multiplexing. Defaults to None.

    Raises:
        ConfigError: A field has a value that is not accepted.
    """
    out_channels: int
    kernel_size: int | tuple[int, ...] = 3
    stride: int = 1
    se_ratio: float = 0.25
    act: Activation = 'Swish'
    scales: tuple[int, ...] | None = None


@dataclass(frozen=True)
class IR(_CheckedRow):
    """Row of an inverted residual block: 1x1 expansion, depthwise k x k, SE, 1x1 projection (MobileNetV2, CVPR 2018).

    Args:
        out_channels (int): Number of output channels.
        kernel_size (int | tuple[int, ...]): Odd kernel size in pixels, as in :class:`DS`. Defaults to 3.
        stride (int): Stride of the k x k convolution, 1 or 2. Defaults to 1.
        expand_ratio (float): Expanded channels per input channel. Defaults to 6.
        se_ratio (float): SE channels as a fraction of the block's input channels; 0 disables SE. Defaults to 0.75.
        act (str): Activation of the block, 'ReLU' or 'Swish'. Defaults to 'Swish'.
        scales (tuple[int, ...] | None): Spatial multiplexing scales, as in :class:`DS`. Defaults to None.

    Raises:
        ConfigError: A field has a value that is not accepted.
    """
    out_channels: int
    kernel_size: int | tuple[int, ...] = 3
    stride: int = 1
    expand_ratio: float = 6
    se_ratio: float = 0.75
    act: Activation = 'Swish'
    scales: tuple[int, ...] | None = None


@dataclass(frozen=True)
class MUX(_CheckedRow):
    """Row of a channel multiplexing block: an inverted residual block on some channels, then a channel shuffle.

    The number of channels and the resolution do not change. The k x k convolution has 2 channels per group, or is depthwise
    if `scales` is set.

    Args:
        kernel_size (int | tuple[int, ...]): Odd kernel size in pixels; a tuple needs `scales`. Defaults to 3.
        expand_ratio (float): Expanded channels per processed channel. Defaults to 6.
        se_ratio (float): SE channels as a fraction of the processed channels; 0 disables SE. Defaults to 0.75.
        act (str): Activation of the block, 'ReLU' or 'Swish'. Defaults to 'Swish'.
        split_ratio (float): Fraction of the channels that the block processes, above 0 and at most 1. The other channels
            skip the block (the paper's leave-out). Defaults to 0.5.
        shuffle_groups (int): Number of groups of the channel shuffle. Defaults to 2.
        scales (tuple[int, ...] | None): Spatial multiplexing scales, as in :class:`DS`. Defaults to None.

    Raises:
        ConfigError: A field has a value that is not accepted.
    """
    kernel_size: int | tuple[int, ...] = 3
    expand_ratio: float = 6
    se_ratio: float = 0.75
    act: Activation = 'Swish'
    split_ratio: float = 0.5
    shuffle_groups: int = 2
    scales: tuple[int, ...] | None = None


Row = DS | IR | MUX
ROW_KINDS = {'DS': DS, 'IR': IR, 'MUX': MUX}
