"""A search problem whose error is a formula, so that what a search finds can be compared with what there is to find.

The formula is made up, with what is known of such networks in it: power laws of capacity with diminishing returns (Tan and Le,
"EfficientNet", 2019), a receptive field that ought to cover the picture, stages that hold each other back where one is much
weaker than its neighbour, and spatial multiplexing that helps where resolution is to spare (coarse) or lacks (fine), as in the
MUXConv paper. Nothing in it is fitted to any search.
"""
import time
from collections.abc import Callable

import numpy as np

from mmmux.models.architectures import MUX, Architecture, Row, get_architecture

from .front import front
from .space import SearchSpace
from .trial_process import TrialSpec

ANALYTIC_SPACE = dict(
    stem_channels=[16],
    head_channels=[1280],
    stages=[
        dict(type='DS', act='ReLU', out_channels=[16]),
        dict(type='IR', act='ReLU', stride=2, out_channels=[16, 24], expand_ratio=[2, 4],
             mux=dict(blocks=[1], kernel_size=[3], expand_ratio=[4], scales=[None, (-1, 0)])),
        dict(type='IR', stride=2, out_channels=[24, 40], kernel_size=[(3, 5, 7)], expand_ratio=[4],
             mux=dict(blocks=[1, 2], kernel_size=[3], scales=[None, (-1, 0)])),
        dict(type='IR', stride=2, out_channels=[48, 64, 80], kernel_size=[(3, 5, 7, 9)], expand_ratio=[4],
             mux=dict(blocks=[0, 1, 2], kernel_size=[3, 5], split_ratio=[0.25, 0.5])),
        dict(type='IR', out_channels=[72, 96, 112], kernel_size=[5], expand_ratio=[4],
             mux=dict(blocks=[1, 2, 3], kernel_size=[5], scales=[None, (0, 1)])),
        dict(type='IR', stride=2, out_channels=[96, 128, 160], kernel_size=[(3, 5, 7, 9, 11)], expand_ratio=[4],
             mux=dict(blocks=[1, 2, 3], kernel_size=[3, 5], split_ratio=[0.25, 0.5])),
        dict(type='IR', out_channels=[152, 200], kernel_size=[3], expand_ratio=[4]),
    ])

_LOWEST = 0.14  # what no network of the family gets below
# For each stage: the width that counts as one, and how much of the error is its lack of capacity.
_USUAL_WIDTH = np.array([24, 24, 40, 80, 112, 160, 200])
_SHARE = np.array([.006, .012, .022, .034, .036, .034, .016])
_FIELD = 160  # pixels


def analytic_error(arch: Architecture) -> float:
    """Error of a network of seven stages, about 0.27 for a large one and above 0.4 for a small one."""
    features = [_stage_features(index, rows, arch) for index, rows in enumerate(arch.stages)]
    return float(_errors(np.array(features)[None])[0])


def analytic_errors(space: SearchSpace, genomes: np.ndarray) -> np.ndarray:
    """Errors (N,) of genomes (N, genes), as :func:`analytic_error` gives them."""
    features = [_by_stage(space, genomes, index) for index in range(len(space.stages))]
    return _errors(np.stack(features, 1))


def evaluate_formula(spec: TrialSpec) -> dict[str, float]:
    """The error as a trial's function: its `arguments` are `arch`, a table, and `seconds` to pass meanwhile."""
    time.sleep(spec.arguments.get('seconds', 0))
    return {spec.metric: spec.best * (1 - analytic_error(get_architecture(spec.arguments['arch'])))}


def true_front(space: SearchSpace, costs: Callable[[np.ndarray], np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The front of a space by looking at every genome.

    Args:
        space: of some million genomes at most.
        costs: of genomes (N, genes), (N, costs): what is minimised beside the error.

    Returns:
        genomes (M, genes) and their values (M, 1 + costs), the error first.
    """
    genomes, values = [], []
    for chunk in _every_genome(space):
        found = np.column_stack([analytic_errors(space, chunk), costs(chunk)])
        best = front(found)
        genomes.append(chunk[best])
        values.append(found[best])
    genomes, values = np.concatenate(genomes), np.concatenate(values)
    best = front(values)
    return genomes[best], values[best]


def _every_genome(space: SearchSpace, at_once: int = 200_000):
    shape = tuple(len(gene) for gene in space.genes)
    for start in range(0, int(np.prod(shape)), at_once):
        numbers = np.arange(start, min(start + at_once, int(np.prod(shape))))
        genomes = np.stack(np.unravel_index(numbers, shape), 1)
        yield genomes[(space.canonical(genomes) == genomes).all(1)]


def _by_stage(space: SearchSpace, genomes: np.ndarray, stage: int) -> np.ndarray:
    """Features (N, features) of a stage: looked up, since the genes of one stage have few combinations."""
    columns = [column for column, gene in enumerate(space.genes)
               if gene.name.startswith(f'stages.{stage}.') or (gene.name == 'head_channels' and stage == len(space.stages) - 1)]
    codes = np.zeros(len(genomes), int)
    for column in columns:
        codes = codes * len(space.genes[column]) + genomes[:, column]
    _, first, where = np.unique(codes, return_index=True, return_inverse=True)
    archs = [space.decode(tuple(genomes[row].tolist())) for row in first]
    return np.array([_stage_features(stage, arch.stages[stage], arch) for arch in archs])[where]


def _stage_features(index: int, rows: tuple[Row, ...], arch: Architecture) -> tuple[float, float, float]:
    """Capacity, receptive field in pixels, and how much spatial multiplexing helps."""
    stride = 2 * int(np.prod([getattr(row, 'stride', 1) for stage in arch.stages[:index + 1] for row in stage]))
    capacity = sum(_capacity(row) for row in rows)
    field = sum((np.mean(row.kernel_size) - 1) * stride * (1.5 if row.scales and -1 in row.scales else 1) for row in rows)
    coarse = any(row.scales and -1 in row.scales for row in rows) * (1 if stride < 16 else -1)
    fine = any(row.scales and 1 in row.scales for row in rows) * (1 if stride > 8 else -1)
    width = rows[0].out_channels / _USUAL_WIDTH[index]
    if index == len(arch.stages) - 1:
        width *= (arch.head_channels / 1280)**0.3
    return width**0.5 * capacity**0.35, field, coarse + fine


def _capacity(row: Row) -> float:
    share = row.split_ratio**0.7 if isinstance(row, MUX) else 1
    return share * (getattr(row, 'expand_ratio', 1) / 6)**0.4 * (1 + 0.15 * np.log2(np.mean(row.kernel_size) / 3))


def _errors(features: np.ndarray) -> np.ndarray:
    """(N, stages, 3) -> (N,)."""
    capacity, field, multiplexing = np.moveaxis(features, 2, 0)
    lack = (_SHARE * (1 - 0.04 * multiplexing) / capacity).sum(1)
    uneven = 0.02 * (np.diff(np.log(capacity), axis=1)**2).sum(1)
    blind = 0.06 * np.exp(-field.sum(1) / _FIELD)
    return _LOWEST + lack + uneven + blind
