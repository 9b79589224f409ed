"""Every architecture accepts every size, batch and data type: forward, backward, and in its exact form.

MMMUX_SIZES is the total number of random batches; MMMUX_SEED is their seed.
"""
import copy
import functools
import math
import random

import pytest
import torch
from half_precision import half_on_cpu
from nightly import SEED, count
from release_reference import relative_error
from reliability_record import record

from mmmux.deploy import exact_form
from mmmux.models import ARCHITECTURES, MUXNet

pytestmark = pytest.mark.slow

DRAWN = count('MMMUX_SIZES') // len(ARCHITECTURES)
STRIDES = (2, 4, 8, 16, 16, 32, 32, 32)
SHARES = {torch.float32: 5, torch.float64: 2, torch.bfloat16: 2, torch.float16: int(half_on_cpu())}
# Largest distance from the trained network, relative to the largest value of a feature.
TOLERANCES = {torch.float32: 1e-5, torch.float64: 1e-12}
# In float16 and bfloat16, both the trained network and the exact form round at each of about two hundred layers, so both are
# compared with float32. The distance of the exact form may be at most this many times that of the trained network.
TIMES_AS_FAR = 3
LARGEST = 160**2  # pixels of a batch, which take about a second


def drawn(chance: random.Random):
    """Draw the output stride of a network, a data type, and the shape (N, C, H, W) of a batch."""
    height = round(32 * math.exp(chance.uniform(0, 3)))
    width = round(32 * math.exp(chance.uniform(0, max(0., math.log(LARGEST / height / 32)))))
    size = chance.sample([height, width], 2)
    # Torch cannot normalise a single value, and a stride of 32 reduces a picture of 32 x 32 to one.
    batch = chance.randint(2 if max(size) == 32 else 1, max(2, LARGEST // (size[0] * size[1])))
    dtype = chance.choices(list(SHARES), weights=list(SHARES.values()))[0]
    return chance.choice([None, 16, 8]), dtype, (min(batch, 9), 3, *size)


@torch.no_grad()
def distances(network, truth, x):
    """Return the error of each feature, relative to the largest value of the true feature."""
    true = truth(x.to(next(truth.parameters()).dtype))
    return [float(relative_error(ours.double(), theirs.double())) for ours, theirs in zip(network(x), true)]


@functools.cache
def build(arch, output_stride):
    torch.manual_seed(1)
    return MUXNet(arch, out_indices=tuple(range(8)), output_stride=output_stride)


@pytest.mark.parametrize('arch', ARCHITECTURES)
def test_any_size(arch, as_trained):
    chance = random.Random(f'sizes of {arch} {SEED}')
    exact_forms, wrong, largest = {}, [], dict.fromkeys(SHARES, 0.)
    for _ in range(DRAWN):
        output_stride, dtype, shape = drawn(chance)
        case = f'{arch}, output stride {output_stride}, {dtype}, {shape}'
        x = torch.randn(shape, dtype=dtype)

        network = copy.deepcopy(build(arch, output_stride)).to(dtype).train()
        features = network(x)
        for index, feature in enumerate(features):
            stride = min(STRIDES[index], output_stride or 32)
            expected = (shape[0], network.out_channels[index], *(math.ceil(side / stride) for side in shape[2:]))
            if tuple(feature.shape) != expected or feature.dtype != dtype or not feature.isfinite().all():
                wrong.append(f'{case}: feature {index} is {feature.shape}, {feature.dtype}')
        sum(feature.float().square().mean() for feature in features).backward()
        wrong += [f'{case}: gradient of {name}' for name, parameter in network.named_parameters()
                  if parameter.grad is None or not parameter.grad.isfinite().all()]

        if output_stride not in exact_forms:
            trained = as_trained(copy.deepcopy(build(arch, output_stride)))
            exact_forms[output_stride] = trained.double(), exact_form(copy.deepcopy(trained).double())
        trained, exact = (copy.deepcopy(each).to(dtype) for each in exact_forms[output_stride])
        if dtype in TOLERANCES:
            errors, accepted = distances(exact, trained, x), TOLERANCES[dtype]
        else:
            truth = copy.deepcopy(exact_forms[output_stride][0]).float()
            errors = [ours / theirs for ours, theirs in zip(distances(exact, truth, x), distances(trained, truth, x))]
            accepted = TIMES_AS_FAR
        largest[dtype] = max(largest[dtype], *errors)
        wrong += [f'{case}: exact form of feature {index} is wrong by {error:.1e}' for index, error in enumerate(errors)
                  if not error < accepted]

    record('any size', f'MUXNet-{arch} at output strides 8, 16, 32', tried=DRAWN, of='batches', lost=len(wrong),
           largest_error_of_the_exact_form={str(dtype): largest[dtype] for dtype in TOLERANCES},
           times_as_far_from_float32_as_trained={str(dtype): largest[dtype] for dtype in SHARES if dtype not in TOLERANCES})
    assert not wrong, '\n'.join(wrong)
