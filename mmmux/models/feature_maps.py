"""Compare the strides of a detector's anchors with the feature maps that the detector really has."""
from collections.abc import Sequence

import torch
from torch import nn

Size = tuple[int, int]


def feature_map_sizes(model: nn.Module, input_size: Size) -> list[Size]:
    """Compute the features of an empty image, and return their sizes.

    Args:
        model (nn.Module): A detector of mmdet; it is in the same mode, training or evaluation, afterwards.
        input_size (tuple[int, int]): (width, height) of the image in pixels, before the padding of the data preprocessor.

    Returns:
        list[tuple[int, int]]: (width, height) of the feature map of each level, in cells.
    """
    divisor = getattr(model.data_preprocessor, 'pad_size_divisor', 1)
    width, height = (-(-side // divisor) * divisor for side in input_size)
    first = next(module for module in model.modules() if isinstance(module, nn.Conv2d))
    trains = model.training
    model.eval()
    try:
        with torch.no_grad():
            features = model.extract_feat(first.weight.new_zeros(1, first.in_channels, height, width))
    finally:
        model.train(trains)
    return [(feature.shape[-1], feature.shape[-2]) for feature in features]


def fitting_strides(strides: Sequence, maps: Sequence[Size], input_size: Size) -> list:
    """Return strides with which the anchors of each level cover the image.

    A stride fits a feature map of n cells if n anchors at its distance reach the border of the image and n - 1 do not.

    Args:
        strides (Sequence[int | tuple[int, int]]): Stride of each level, or (horizontal, vertical), in pixels.
        maps (Sequence[tuple[int, int]]): (width, height) of each feature map, in cells.
        input_size (tuple[int, int]): (width, height) of the image in pixels.

    Returns:
        list: `strides`, with another one for each level that does not fit.
    """
    fitting = []
    for stride, cells in zip(strides, maps):
        pair = stride if isinstance(stride, (list, tuple)) else (stride, stride)
        if all(-(-side // step) == count for side, step, count in zip(input_size, pair, cells)):
            fitting.append(stride)
        else:
            across, down = (-(-side // count) for side, count in zip(input_size, cells))
            fitting.append(across if across == down else (across, down))
    return fitting


def misfit(strides: Sequence, maps: Sequence[Size], input_size: Size) -> str | None:
    """Describe the levels whose stride does not fit the feature map.

    Args:
        strides, maps, input_size: As in :func:`fitting_strides`.

    Returns:
        str | None: A sentence that names each such level and the strides that fit; None if all levels fit.
    """
    fitting = fitting_strides(strides, maps, input_size)
    if len(strides) != len(maps) or fitting == list(strides):
        return None
    levels = ', '.join(f'level {number} has {cells[0]} x {cells[1]} cells at stride {stride}'
                       for number, (stride, cells, fits) in enumerate(zip(strides, maps, fitting)) if fits != stride)
    return (f'the strides {list(strides)} of the anchors do not fit the feature maps of an input of {input_size[0]} x '
            f'{input_size[1]} pixels, so that anchors lie beside the image or leave a part of it empty ({levels}): set '
            f'model.bbox_head.anchor_generator.strides={str(fitting).replace(" ", "")} and sizes from '
            'tools/analysis_tools/fit_anchors.py, or another input size')
