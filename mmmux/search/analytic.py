"""Define a search problem whose error is a formula, so that the result of a search can be compared with the true front.

The formula is invented and not fitted to any search. It models known properties of such networks: power laws of capacity with
diminishing returns (Tan and Le, "EfficientNet", 2019); a receptive field that should cover the image; a loss where a stage is
much weaker than its neighbour; and, as in the MUXConv paper, spatial multiplexing that helps where the resolution is higher
(scale -1) or lower (scale +1) than needed.
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

_AT_ONCE = 200_000  # genomes that are held in memory
_LOWEST = 0.14  # lower bound of the error
# For each stage: the number of channels that counts as width 1, and the error that the stage adds at capacity 1.
_USUAL_WIDTH = np.array([24, 24, 40, 80, 112, 160, 200])
_SHARE = np.array([.006, .012, .022, .034, .036, .034, .016])
_FIELD = 160  # pixels; growth of the receptive field that divides the error of a small field by e


def analytic_error(arch: Architecture) -> float:
    """Compute the error of a network of seven stages: about 0.27 for a large network and above 0.4 for a small one.

    Args:
        arch (Architecture): Network of seven stages.

    Returns:
        float: The error.
    """
    features = [_stage_features(index, rows, arch) for index, rows in enumerate(arch.stages)]
    return float(_errors(np.array(features)[None])[0])


def analytic_errors(space: SearchSpace, genomes: np.ndarray) -> np.ndarray:
    """Compute the errors of genomes as :func:`analytic_error` does.

    Args:
        space (SearchSpace): Space of seven stages.
        genomes (ndarray): Canonical genomes (N, genes).

    Returns:
        ndarray: (N, ).
    """
    features = [_by_stage(space, genomes, index) for index in range(len(space.stages))]
    return _errors(np.stack(features, 1))


def evaluate_formula(spec: TrialSpec) -> dict[str, float]:
    """Evaluate a trial by the formula; a `function` for :class:`.trial_process.TrialSpec`.

    Args:
        spec (TrialSpec): Trial whose `arguments` are `arch`, an architecture table, and `seconds`, the time to sleep (default:
            0).

    Returns:
        dict[str, float]: Name of the metric, and its value `best * (1 - error)`.
    """
    time.sleep(spec.arguments.get('seconds', 0))
    return {spec.metric: spec.best * (1 - analytic_error(get_architecture(spec.arguments['arch'])))}


def true_front(space: SearchSpace, costs: Callable[[np.ndarray], np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Find the front of a space by evaluating every genome.

    Args:
        space (SearchSpace): Space of at most some millions of genomes.
        costs (Callable[[ndarray], ndarray]): Maps genomes (N, genes) to costs (N, costs), which are minimised with the error.

    Returns:
        tuple[ndarray, ndarray]: Genomes (M, genes) and their values (M, 1 + costs), the error first.
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


def _every_genome(space: SearchSpace):
    shape = tuple(len(gene) for gene in space.genes)
    for start in range(0, int(np.prod(shape)), _AT_ONCE):
        numbers = np.arange(start, min(start + _AT_ONCE, int(np.prod(shape))))
        genomes = np.stack(np.unravel_index(numbers, shape), 1)
        yield genomes[(space.canonical(genomes) == genomes).all(1)]


def _by_stage(space: SearchSpace, genomes: np.ndarray, stage: int) -> np.ndarray:
    """Return the features (N, 3) of one stage; each combination of the stage's few genes is computed once."""
    columns = [column for column, gene in enumerate(space.genes)
               if gene.name.startswith(f'stages.{stage}.') or (gene.name == 'head_channels' and stage == len(space.stages) - 1)]
    codes = np.zeros(len(genomes), int)
    for column in columns:
        codes = codes * len(space.genes[column]) + genomes[:, column]
    _, first, where = np.unique(codes, return_index=True, return_inverse=True)
    archs = [space.decode(tuple(genomes[row].tolist())) for row in first]
    return np.array([_stage_features(stage, arch.stages[stage], arch) for arch in archs])[where]


def _stage_features(index: int, rows: tuple[Row, ...], arch: Architecture) -> tuple[float, float, float]:
    """Return the capacity of a stage, its receptive field in pixels, and the benefit of its spatial multiplexing."""
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
    """Map features (N, stages, 3) to errors (N, )."""
    capacity, field, multiplexing = np.moveaxis(features, 2, 0)
    lack = (_SHARE * (1 - 0.04 * multiplexing) / capacity).sum(1)
    uneven = 0.02 * (np.diff(np.log(capacity), axis=1)**2).sum(1)
    blind = 0.06 * np.exp(-field.sum(1) / _FIELD)
    return _LOWEST + lack + uneven + blind
