"""Compute the parameters and multiply-adds of genomes by arithmetic, without building a network."""
import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from mmmux.models.layers.channel_split import near_equal_groups

from .space import SearchSpace

_NORM_PARAMS = 2  # scale and shift of each channel
_IMAGE_CHANNELS, _STEM_KERNEL = 3, 3


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
        stem = grids[0]
        self._tables = [self._table(('stem_channels', ), lambda channels: _stem(channels, stem['out']))]
        for index, grid in enumerate(grids[1:last + 2]):
            self._tables += self._stage_tables(index, grid)
        if last == head:
            grid = grids[-1]['out']
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

    def _stage_tables(self, index: int, grid: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], np.ndarray]]:
        stage, prefix, width = self.space.stages[index], f'stages.{index}.', self.space.width_name
        if stage.kind == 'DS':
            first = [prefix + name for name in ('out_channels', 'kernel_size', 'se_ratio')]
            yield self._table((width(index - 1), *first), lambda *values: _depthwise_separable(*values, grid['out']))
        else:
            first = [prefix + name for name in ('out_channels', 'kernel_size', 'expand_ratio', 'se_ratio')]
            yield self._table((width(index - 1), *first),
                              lambda *values: _inverted_residual(*values, grid['in'], grid['out']))
        if stage.mux:
            names = [f'{prefix}mux.{name}' for name in
                     ('blocks', 'kernel_size', 'expand_ratio', 'split_ratio', 'scales', 'se_ratio')]
            yield self._table((width(index), *names), lambda *values: _mux_rows(*values, grid['out'], grid['dilation']))


def _grids(space: SearchSpace, size: tuple[int, int], output_stride: int | None, removed: int) -> list[dict]:
    """Return, for the stem and each stage, the input and output size of the first row and the dilation of the MUX rows.

    The keys are 'in' and 'out', (height, width) in pixels, and 'dilation'.
    """
    stride, dilation = 1, 1
    grids = []
    for own_stride in (2, *(stage.stride for stage in space.stages)):
        dense = own_stride > 1 and stride == output_stride
        stride, dilation = (stride, dilation * own_stride) if dense else (stride * own_stride, dilation)
        applied = 1 if dense else own_stride
        if applied > 1 and removed:
            applied, removed = 1, removed - 1
        before, size = size, tuple(-(-side // applied) for side in size)
        grids.append({'in': before, 'out': size, 'dilation': dilation})
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


def _depthwise_separable(channels, out_channels, kernel_size, se_ratio, grid) -> np.ndarray:
    return (_depthwise(channels, kernel_size, grid) + _squeeze_excite(channels, channels, se_ratio) +
            _conv(channels * out_channels, out_channels, grid))


def _inverted_residual(channels, out_channels, kernel_size, expand_ratio, se_ratio, grid_in, grid_out) -> np.ndarray:
    hidden = int(channels * expand_ratio)
    return (_conv(channels * hidden, hidden, grid_in) + _depthwise(hidden, kernel_size, grid_out) +
            _squeeze_excite(hidden, channels, se_ratio) + _conv(hidden * out_channels, out_channels, grid_out))


def _mux_rows(channels, blocks, kernel_size, expand_ratio, split_ratio, scales, se_ratio, grid, dilation) -> np.ndarray:
    processed = int(channels * split_ratio)
    hidden = int(processed * expand_ratio)
    if scales is None:
        convolved = _conv(2 * hidden * kernel_size**2, hidden, grid)  # two channels a group
    else:
        convolved = _spatial_mux(hidden, kernel_size, scales, grid, dilation)
    return blocks * (_conv(processed * hidden, hidden, grid) + convolved + _squeeze_excite(hidden, processed, se_ratio) +
                     _conv(hidden * processed, processed, grid))


def _spatial_mux(channels, kernel_size, scales, grid, dilation) -> np.ndarray:
    # With dilation d, the convolution runs on d x d images of every d-th pixel. The coarser grid rounds their sides up to even.
    phases = [-(-side // dilation) for side in grid]
    positions = {0: math.prod(phases), -1: math.prod(-(-side // 2) for side in phases), 1: 4 * math.prod(phases)}
    weights = dict.fromkeys(positions, 0)
    for share, scale in zip(near_equal_groups(channels, len(scales)), scales):
        # Canonical genomes have no scale +1 on a group that is not divisible by 4; the table holds an unused entry for it.
        weights[scale] += {0: share, -1: 4 * share, 1: share // 4}[scale] * kernel_size**2
    macs = dilation**2 * sum(weights[scale] * positions[scale] for scale in positions)
    return _cost(sum(weights.values()) + _NORM_PARAMS * channels, macs)

