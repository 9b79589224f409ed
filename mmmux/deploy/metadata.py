"""Describe an exported file inside the file."""
from collections.abc import Mapping, Sequence

from mmengine.config import Config
from torch import nn

from mmmux.config.load import innermost_dataset
from mmmux.version import __version__


def describe_file(cfg: Config, model: nn.Module, classes: Sequence[str], outputs: Mapping[str, str], order: str, task: str,
                  shape: tuple[int, int] | None, precision: str) -> dict:
    """Describe task, classes, pre-processing and outputs, as plain values.

    Args:
        cfg: the config of the model.
        model: its preprocessor is described.
        classes: names of the classes.
        outputs: for each output its name and meaning.
        order: of the values in the outputs.
        task: name of the task.
        shape: height and width of the pictures in pixels; None where they may differ.
        precision: 'fp32', 'fp16' or 'int8'.
    """
    preprocessor = model.data_preprocessor
    normalised = getattr(preprocessor, '_enable_normalize', False)
    swapped = any(getattr(preprocessor, name, False) for name in ('_channel_conversion', 'channel_conversion', 'to_rgb'))
    pipeline = innermost_dataset(cfg.test_dataloader).get('pipeline', []) if cfg.get('test_dataloader') else []
    resize = next((step for step in pipeline if 'Resize' in str(step['type'])), {})
    height, width = shape or ('any', 'any')
    return dict(
        made_by=f'mmmux {__version__}',
        task=task,
        precision=precision,
        classes=list(classes),
        input=dict(
            layout='batch, 3, height, width; float32',
            height=height,
            width=width,
            # mm's pipelines read pictures as BGR, which the preprocessor may turn.
            channels='RGB' if swapped else 'BGR',
            mean=preprocessor.mean.flatten().tolist() if normalised else [0., 0., 0.],
            std=preprocessor.std.flatten().tolist() if normalised else [1., 1., 1.],
            values='(pixel from 0 to 255 - mean) / std',
            keep_ratio=bool(resize.get('keep_ratio', False))),
        outputs=dict(outputs),
        order=order)
