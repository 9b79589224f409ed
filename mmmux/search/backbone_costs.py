"""Compute the parameters and multiply-adds of genomes by arithmetic, without building a network."""
import functools
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from mmmux.models.architectures import DS, IR, MUX, ROW_KINDS, Row
from mmmux.models.layers import atrous_samplings
from mmmux.models.layers.channel_split import near_equal_groups

from .space import SearchSpace
from .space_config import FIRST_ROW_CHOICES, MUX_ROW_CHOICES

_NORM_PARAMS = 2  # scale and shift of each channel
_IMAGE_CHANNELS, _STEM_KERNEL, _STEM_STRIDE = 3, 3, 2


@dataclass(frozen=True)
class _Grid:
    """The positions at which a stage or the stem computes.

    Attributes:
        before (tuple[int, int]): Height and width of the input, in pixels.
        out (tuple[int, int]): Height and width after the first row, in pixels.
        dilation (int): Dilation of the rows after the first.
    """
    before: tuple[int, int]
    out: tuple[int, int]
    dilation: int


class SpaceComplexity:
    """Count the parameters and multiply-adds of a space's networks as backbones.

    The counts equal those of :mod:`mmmux.analysis.complexity`. The cost of each row depends only on its own choices and on the
    channels before it. The cost of a network is therefore a sum of entries of tables, at most two per stage, which are computed
    once.

    Args:
        space (SearchSpace): Search space.
        size (tuple[int, int]): Height and width of the image, in pixels.
        last (int | None): Largest of the backbone's `out_indices`; the backbone is built up to this stage. Default: None, the
            head convolution.
        output_stride (int | None): As in :class:`mmmux.models.MUXNet`. Default: None.
        removed (int): Number of strides that :func:`mmmux.models.backbones.without_early_strides` removes. Default: 0.
    """

    def __init__(self, space: SearchSpace, size: tuple[int, int], last: int | None = None, output_stride: int | None = None,
                 removed: int = 0):
        self.space = space
        head = len(space.stages)
        last = head if last is None else last
        grids = _grids(space, size, output_stride, removed)
        stem = grids[0].out
        self._tables = [self._table(('stem_channels', ), lambda channels: _stem(channels, stem))]
        for index, grid in enumerate(grids[1:last + 2]):
            self._tables += self._stage_tables(index, grid)
        if last == head:
            grid = grids[-1].out
            self._tables.append(self._table(
                (space.width_name(head - 1), 'head_channels'), lambda channels, out: _conv(channels * out, out, grid)))

    def params(self, genomes: np.ndarray) -> np.ndarray:
        """Count parameters.

        Args:
            genomes (ndarray): Canonical genomes (N, genes).

        Returns:
            ndarray: (N, ), int64.
        """
        return self._costs(genomes)[:, 0]

    def macs(self, genomes: np.ndarray) -> np.ndarray:
        """Count multiply-adds for one image.

        Args:
            genomes (ndarray): Canonical genomes (N, genes).

        Returns:
            ndarray: (N, ), int64.
        """
        return self._costs(genomes)[:, 1]

    def _costs(self, genomes: np.ndarray) -> np.ndarray:
        genomes = np.atleast_2d(np.asarray(genomes, dtype=np.int64))
        return sum(table[tuple(self.space.indices(genomes, name) for name in names)] for names, table in self._tables)

    def _table(self, names: tuple[str, ...], cost: Callable[..., np.ndarray]) -> tuple[tuple[str, ...], np.ndarray]:
        choices = [self.space.values(name) for name in names]
        costs = [cost(*values) for values in itertools.product(*choices)]
        return names, np.array(costs, dtype=np.int64).reshape([*map(len, choices), 2])

    def _stage_tables(self, index: int, grid: _Grid) -> Iterator[tuple[tuple[str, ...], np.ndarray]]:
        stage, prefix, width = self.space.stages[index], f'stages.{index}.', self.space.width_name
        fields, cost = FIRST_ROW_CHOICES[stage.kind], _FIRST_ROW_COSTS[stage.kind]
        first = _row_of(ROW_KINDS[stage.kind], fields)
        yield self._table((width(index - 1), *(prefix + field for field in fields)),
                          lambda channels, *values: cost(channels, first(*values), grid))
        if stage.mux:
            mux = _row_of(MUX, MUX_ROW_CHOICES)
            yield self._table((width(index), *(f'{prefix}mux.{field}' for field in ('blocks', *MUX_ROW_CHOICES))),
                              lambda channels, blocks, *values: blocks * _mux_row(channels, mux(*values), grid))


def _row_of(kind: type[Row], fields: Sequence[str]) -> Callable[..., Row]:
    """Return a function from the values of fields to a row; it makes each row once."""
    return functools.cache(lambda *values: kind(**dict(zip(fields, values))))


def _grids(space: SearchSpace, size: tuple[int, int], output_stride: int | None, removed: int) -> list[_Grid]:
    """Return the grid of the stem and of each stage."""
    grids = []
    for sampling in atrous_samplings((_STEM_STRIDE, *(stage.stride for stage in space.stages)), output_stride):
        applied = sampling.applied_stride
        if applied > 1 and removed:
            applied, removed = 1, removed - 1
        before, size = size, tuple(-(-side // applied) for side in size)
        grids.append(_Grid(before, size, sampling.next_dilation))
    return grids


def _cost(params: int, macs: int) -> np.ndarray:
    return np.array([params, macs], dtype=np.int64)


def _conv(weights: int, channels: int, grid: tuple[int, int]) -> np.ndarray:
    """Return the cost of a convolution and its normalisation; each weight is used once at each position of the output."""
    return _cost(weights + _NORM_PARAMS * channels, weights * math.prod(grid))


def _stem(channels: int, grid: tuple[int, int]) -> np.ndarray:
    return _conv(_IMAGE_CHANNELS * channels * _STEM_KERNEL**2, channels, grid)


def _squeeze_excite(channels: int, block_channels: int, se_ratio: float) -> np.ndarray:
    if not se_ratio:
        return _cost(0, 0)
    reduced = max(1, int(block_channels * se_ratio))
    weights = 2 * channels * reduced
    return _cost(weights + channels + reduced, weights)


def _depthwise(channels: int, kernel_size: int | tuple[int, ...], grid: tuple[int, int]) -> np.ndarray:
    sizes = kernel_size if isinstance(kernel_size, tuple) else (kernel_size, )
    weights = sum(share * size**2 for share, size in zip(near_equal_groups(channels, len(sizes)), sizes))
    return _conv(weights, channels, grid)


def _depthwise_separable(channels: int, row: DS, grid: _Grid) -> np.ndarray:
    return (_depthwise(channels, row.kernel_size, grid.out) + _squeeze_excite(channels, channels, row.se_ratio) +
            _conv(channels * row.out_channels, row.out_channels, grid.out))


def _inverted_residual(channels: int, row: IR, grid: _Grid) -> np.ndarray:
    hidden = int(channels * row.expand_ratio)
    return (_conv(channels * hidden, hidden, grid.before) + _depthwise(hidden, row.kernel_size, grid.out) +
            _squeeze_excite(hidden, channels, row.se_ratio) + _conv(hidden * row.out_channels, row.out_channels, grid.out))


_FIRST_ROW_COSTS = {'DS': _depthwise_separable, 'IR': _inverted_residual}


def _mux_row(channels: int, row: MUX, grid: _Grid) -> np.ndarray:
    processed = int(channels * row.split_ratio)
    hidden = int(processed * row.expand_ratio)
    if row.scales is None:
        convolved = _conv(2 * hidden * row.kernel_size**2, hidden, grid.out)  # two channels a group
    else:
        convolved = _spatial_mux(hidden, row, grid)
    return (_conv(processed * hidden, hidden, grid.out) + convolved + _squeeze_excite(hidden, processed, row.se_ratio) +
            _conv(hidden * processed, processed, grid.out))


def _spatial_mux(channels: int, row: MUX, grid: _Grid) -> np.ndarray:
    # With dilation d, the convolution runs on d x d images of every d-th pixel. The coarser grid rounds their sides up to even.
    phases = [-(-side // grid.dilation) for side in grid.out]
    positions = {0: math.prod(phases), -1: math.prod(-(-side // 2) for side in phases), 1: 4 * math.prod(phases)}
    weights = dict.fromkeys(positions, 0)
    for share, scale in zip(near_equal_groups(channels, len(row.scales)), row.scales):
        # Canonical genomes have no scale +1 on a group that is not divisible by 4; the table holds an unused entry for it.
        weights[scale] += {0: share, -1: 4 * share, 1: share // 4}[scale] * row.kernel_size**2
    macs = grid.dilation**2 * sum(weights[scale] * positions[scale] for scale in positions)
    return _cost(sum(weights.values()) + _NORM_PARAMS * channels, macs)

