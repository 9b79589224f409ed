"""Describe the input of an exported file for its metadata."""
from typing import Any

from mmengine.config import Config
from torch import nn

from mmmux.config.load import innermost_dataset
from mmmux.utils.compat import swaps_channels


def describe_input(cfg: Config, model: nn.Module, shape: tuple[int, int] | None) -> dict[str, Any]:
    """Describe the images that a file takes, and how to prepare them, as values that JSON can hold.

    Args:
        cfg (Config): Config of the model; its test pipeline says whether resizing keeps the aspect ratio.
        model (nn.Module): Model with `data_preprocessor`, which is described.
        shape (tuple[int, int] | None): Height and width of the images, in pixels; None for any size.

    Returns:
        dict[str, Any]: `layout`, `height`, `width`, `channels`, `mean`, `std`, `values` and `keep_ratio`.
    """
    preprocessor = model.data_preprocessor
    normalised = 'mean' in dict(preprocessor.named_buffers(recurse=False))
    pipeline = innermost_dataset(cfg.test_dataloader).get('pipeline', []) if cfg.get('test_dataloader') else []
    resize = next((step for step in pipeline if 'Resize' in str(step['type'])), {})
    height, width = shape or ('any', 'any')
    return dict(
        layout='batch, 3, height, width; float32',
        height=height,
        width=width,
        # mm's pipelines read images as BGR; the preprocessor may convert them to RGB.
        channels='RGB' if swaps_channels(preprocessor) else 'BGR',
        mean=preprocessor.mean.flatten().tolist() if normalised else [0., 0., 0.],
        std=preprocessor.std.flatten().tolist() if normalised else [1., 1., 1.],
        values='(pixel from 0 to 255 - mean) / std',
        keep_ratio=bool(resize.get('keep_ratio', False)))
