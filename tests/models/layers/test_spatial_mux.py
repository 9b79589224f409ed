import numpy
import pytest
import torch
from facts import raises
from hypothesis import given, settings
from hypothesis import strategies as st
from release_reference import FOLDER, needs_reference, recorded, relative_error, weights_by_key

from mmmux.models.layers import SpatialMux, channel_to_space, space_to_channel

sizes = st.integers(1, 5)


@given(n=sizes, c=sizes, h=sizes, w=sizes)
@settings(max_examples=30, deadline=None)
def test_the_rearrangements_undo_each_other(n, c, h, w):
    fine = torch.rand(n, c, 2 * h, 2 * w)
    coarse = torch.rand(n, 4 * c, h, w)
    assert torch.equal(channel_to_space(space_to_channel(fine)), fine)
    assert torch.equal(space_to_channel(channel_to_space(coarse)), coarse)


@given(c=sizes, h=sizes, w=sizes)
@settings(max_examples=20, deadline=None)
def test_space_to_channel_is_block_major(c, h, w):
    x = torch.rand(1, c, 2 * h, 2 * w)
    folded = space_to_channel(x)
    for i in (0, 1):
        for j in (0, 1):
            block = (i * 2 + j) * c
            assert torch.equal(folded[:, block:block + c], x[:, :, i::2, j::2])


@needs_reference
@pytest.mark.parametrize('function', [space_to_channel, channel_to_space])
def test_the_rearrangements_agree_with_the_release(function):
    arrays = numpy.load(FOLDER / 'spatial_mux.npz')
    out = function(torch.arange(2 * 8 * 4 * 6).reshape(2, 8, 4, 6))
    assert numpy.array_equal(out.numpy(), arrays[function.__name__])


@needs_reference
@pytest.mark.parametrize('index', range(4))
def test_layer_agrees_with_the_release(index):
    layers, arrays = recorded('spatial_mux')
    spec = layers[index]
    layer = SpatialMux(spec['channels'], spec['kernel'], spec['scales'])
    weights = weights_by_key(spec['state_dict'])
    # The release keeps the rearrangements in a Sequential with the convolution, which gives its keys one more number.
    layer.load_state_dict({f"convs.{key.split('.')[1]}.weight": value for key, value in weights.items()})
    x = numpy.random.default_rng(1).standard_normal((2, spec['channels'], 12, 20)).astype(numpy.float32)
    assert relative_error(layer(torch.from_numpy(x)), arrays[f'out{index}']) < 1e-5


def pixel_by_pixel(x, weights, kernel, scales, stride):
    """Compute the layer by its definition, with indices only; values outside a grid are zero."""
    channels, height, width = x.shape
    out_height, out_width = -(-height // stride), -(-width // stride)
    out = numpy.zeros((channels, out_height, out_width))
    share = channels // len(scales)
    bounds = [0] + [channels - share * (len(scales) - 1 - k) for k in range(len(scales))]

    def pixel(c, y, z):
        return x[c, y, z] if 0 <= y < height and 0 <= z < width else 0.

    taps = [(u, v) for u in range(kernel) for v in range(kernel)]
    pad = kernel // 2
    for group, scale in enumerate(scales):
        first, count = bounds[group], bounds[group + 1] - bounds[group]
        quarter = count // 4
        for c, y, z in numpy.ndindex(count, out_height, out_width):
            total = 0.
            for u, v in taps:
                if scale == 0:
                    total += weights[group][c, 0, u, v] * pixel(first + c, y * stride + u - pad, z * stride + v - pad)
                elif scale == -1:  # the pixels at offset (i, j) of each 2 x 2 patch are convolved among themselves
                    i, j = y % 2, z % 2
                    row, column = y // 2 * stride + u - pad, z // 2 * stride + v - pad
                    value = pixel(first + c, 2 * row + i, 2 * column + j)
                    total += weights[group][(i * 2 + j) * count + c, 0, u, v] * value
                else:  # four channels are the four pixels of one 2 x 2 patch
                    i, j = c // quarter // 2, c // quarter % 2
                    row, column = 2 * y + i, 2 * z + j
                    if row >= -(-2 * height // stride) or column >= -(-2 * width // stride):
                        continue
                    row, column = row * stride + u - pad, column * stride + v - pad
                    source = (row % 2 * 2 + column % 2) * quarter + c % quarter
                    total += weights[group][c % quarter, 0, u, v] * pixel(first + source, row // 2, column // 2)
            out[first + c, y, z] = total
    return out


@pytest.mark.parametrize('size', [(4, 6), (5, 7), (5, 4), (1, 3)])
@pytest.mark.parametrize(('channels', 'kernel', 'scales', 'stride'), [
    (9, 3, (-1, 0, ), 1),
    (13, 3, (-1, 0, 1), 1),
    (8, 5, (1, ), 1),
    (13, 3, (0, -1, 1), 2),
])
def test_layer_follows_its_definition_on_even_and_odd_sizes(channels, kernel, scales, stride, size):
    layer = SpatialMux(channels, kernel, scales, stride).double()
    x = torch.rand(1, channels, *size, dtype=torch.double)
    weights = [conv.weight.detach().numpy() for conv in layer.convs]
    expected = pixel_by_pixel(x[0].numpy(), weights, kernel, scales, stride)
    assert numpy.allclose(layer(x)[0].detach().numpy(), expected, atol=1e-12)


@given(h=st.integers(1, 17), w=st.integers(1, 17), stride=st.sampled_from([1, 2]))
@settings(max_examples=30, deadline=None)
def test_any_size_comes_out_as_from_a_plain_convolution(h, w, stride):
    layer = SpatialMux(12, (3, 5, 3), (-1, 0, 1), stride)
    assert layer(torch.rand(1, 12, h, w)).shape == (1, 12, -(-h // stride), -(-w // stride))


@pytest.mark.parametrize(('arguments', 'facts'), [
    ((12, 3, (0, 2)), ['scales', '-1, 0 and +1', '(0, 2)']),
    ((18, 3, (0, 0, 1)), ['(0, 0, 1)', '18 channels', 'divisible by 4', 6]),
    ((12, (3, 5), (0, 0, 1)), ['kernel_size (3, 5)', 'scales (0, 0, 1)']),
    ((2, 3, (0, 0, 0)), ['2 channels', '3 groups']),
])
def test_wrong_arguments_are_named(arguments, facts):
    with raises(ValueError, *facts):
        SpatialMux(*arguments)
