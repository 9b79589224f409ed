"""Reference data of the authors' release: the keys and shapes of its networks, and their recorded outputs.

The keys are generated here from the published tables, independently of `mmmux`, so that a clone without `../shared/reference`
can check the conversion too; if that folder is present, the two are compared.
"""
import json
import zlib
from pathlib import Path

import numpy
import pytest
import torch

FOLDER = Path(__file__).resolve().parents[3] / 'shared' / 'reference'
needs_reference = pytest.mark.skipif(not FOLDER.is_dir(), reason=f'the recorded outputs are not in {FOLDER}')

# For each stage: output channels, kernels and expansion of the first block; number, kernel and expansion of the MUX blocks.
TABLES = {
    'm': [(24, [3], 4, 2, 3, 4), (40, [3, 5, 7], 4, 2, 3, 6), (80, [3, 5, 7, 9], 4, 2, 5, 6), (112, [5], 6, 2, 5, 6),
          (160, [3, 5, 7, 9, 11], 4, 3, 5, 6), (200, [3], 6, 0, 0, 0)],
    'l': [(24, [3], 6, 2, 5, 6), (40, [3, 5, 7], 6, 3, 5, 6), (80, [3, 5, 7, 9], 6, 3, 5, 6), (120, [5], 6, 3, 5, 6),
          (160, [3, 5, 7, 9, 11], 6, 3, 5, 6), (200, [3], 6, 0, 0, 0)],
}
HEADS = {'m': 1280, 'l': 1536}


def _norm(key, channels):
    yield from ((f'{key}.{name}', [channels]) for name in ('weight', 'bias', 'running_mean', 'running_var'))
    yield f'{key}.num_batches_tracked', []


def _squeeze_excite(key, channels, reduced):
    yield from ((f'{key}.conv_reduce.weight', [reduced, channels, 1, 1]), (f'{key}.conv_reduce.bias', [reduced]),
                (f'{key}.conv_expand.weight', [channels, reduced, 1, 1]), (f'{key}.conv_expand.bias', [channels]))


def _inverted_residual(key, inputs, outputs, kernels, expand, channels_per_group):
    hidden = inputs * expand
    yield f'{key}.conv_pw.weight', [hidden, inputs, 1, 1]
    yield from _norm(f'{key}.bn1', hidden)
    for part, kernel in enumerate(kernels):
        share = hidden // len(kernels) + (hidden % len(kernels) if part == 0 else 0)
        name = f'{key}.conv_dw.{part}.weight' if len(kernels) > 1 else f'{key}.conv_dw.weight'
        yield name, [share, channels_per_group, kernel, kernel]
    yield from _norm(f'{key}.bn2', hidden)
    yield from _squeeze_excite(f'{key}.se', hidden, int(inputs * 0.75))
    yield f'{key}.conv_pwl.weight', [outputs, hidden, 1, 1]
    yield from _norm(f'{key}.bn3', outputs)


def release_layout(name: str, classes: int = 1000):
    """Yield the keys and shapes of the release's MUXNet in the release's order.

    Args:
        name: 'm' or 'l'.
        classes: number of classes. Default: 1000.
    """
    yield 'conv_stem.weight', [24, 3, 3, 3]
    yield from _norm('bn1', 24)
    yield 'blocks.0.0.conv_dw.weight', [24, 1, 3, 3]
    yield from _norm('blocks.0.0.bn1', 24)
    yield from _squeeze_excite('blocks.0.0.se', 24, 6)
    yield 'blocks.0.0.conv_pw.weight', [24, 24, 1, 1]
    yield from _norm('blocks.0.0.bn2', 24)
    channels, index = 24, 1
    for out, kernels, expand, count, mux_kernel, mux_expand in TABLES[name]:
        yield from _inverted_residual(f'blocks.{index}.0', channels, out, kernels, expand, 1)
        for later in range(index + 1, index + 1 + count):
            yield from _inverted_residual(f'blocks.{later}.0', out // 2, out // 2, [mux_kernel], mux_expand, 2)
        channels, index = out, index + 1 + count
    yield 'conv_head.weight', [HEADS[name], channels, 1, 1]
    yield from _norm('bn2', HEADS[name])
    yield from (('classifier.weight', [classes, HEADS[name]]), ('classifier.bias', [classes]))


def weights_by_key(layout) -> dict[str, torch.Tensor]:
    """Return the weights with which the outputs were recorded; each weight is random with a seed derived from its key.

    Args:
        layout: (key, shape) pairs.
    """
    layout = [(key, shape) for key, shape in layout]
    norms = {key.removesuffix('.running_mean') for key, _ in layout if key.endswith('.running_mean')}
    weights = {}
    for key, shape in layout:
        rng = numpy.random.default_rng(zlib.crc32(key.encode()))
        module, leaf = key.rsplit('.', 1)
        if leaf == 'num_batches_tracked':
            weights[key] = torch.tensor(0)
            continue
        if leaf == 'running_var' or (leaf == 'weight' and module in norms):
            value = rng.uniform(0.5, 1.5, shape)
        elif leaf in ('running_mean', 'bias'):
            value = 0.1 * rng.standard_normal(shape)
        else:
            value = rng.standard_normal(shape) * numpy.sqrt(2 / numpy.prod(shape[1:]))
        weights[key] = torch.from_numpy(value.astype(numpy.float32))
    return weights


def recorded(name: str):
    """Return the recorded description (from JSON) and arrays (from npz) of a name."""
    return json.loads((FOLDER / f'{name}.json').read_text()), numpy.load(FOLDER / f'{name}.npz')


def relative_error(ours, theirs) -> float:
    """Return the largest absolute difference divided by the largest absolute value of the reference `theirs`."""
    ours = torch.as_tensor(ours).detach().double()
    theirs = torch.as_tensor(theirs).detach().double()
    assert ours.shape == theirs.shape
    return ((ours - theirs).abs().max() / theirs.abs().max()).item()
