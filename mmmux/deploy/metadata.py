"""Write the description that an exported file holds in its metadata."""
from collections.abc import Mapping, Sequence

from mmengine.config import Config
from torch import nn

from mmmux.config.load import innermost_dataset
from mmmux.version import __version__


def describe_file(cfg: Config, model: nn.Module, classes: Sequence[str], outputs: Mapping[str, str], order: str, task: str,
                  shape: tuple[int, int] | None, precision: str) -> dict:
    """Describe the task, classes, preprocessing and outputs of an exported file as values that JSON can hold.

    Args:
        cfg (Config): Config of the model; its test pipeline says whether resizing keeps the aspect ratio.
        model (nn.Module): Model with `data_preprocessor`, which is described.
        classes (Sequence[str]): Names of the classes.
        outputs (Mapping[str, str]): Name and meaning of each output.
        order (str): Order of the values in the outputs.
        task (str): Name of the task.
        shape (tuple[int, int] | None): Height and width of the images, in pixels; None for any size.
        precision (str): 'fp32', 'fp16' or 'int8'.

    Returns:
        dict: `made_by`, `task`, `precision`, `classes`, `input`, `outputs` and `order`.
    """
    preprocessor = model.data_preprocessor
    normalised = getattr(preprocessor, '_enable_normalize', False)
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
            # mm's pipelines read images as BGR; the preprocessor may convert them to RGB.
            channels='RGB' if swaps_channels(model) else 'BGR',
            mean=preprocessor.mean.flatten().tolist() if normalised else [0., 0., 0.],
            std=preprocessor.std.flatten().tolist() if normalised else [1., 1., 1.],
            values='(pixel from 0 to 255 - mean) / std',
            keep_ratio=bool(resize.get('keep_ratio', False))),
        outputs=dict(outputs),
        order=order)


def swaps_channels(model: nn.Module) -> bool:
    """Return whether a model's preprocessor reverses the order of the channels, so that it takes BGR where the network has RGB.

    Args:
        model (nn.Module): Model with `data_preprocessor`, of mmdet, mmseg or mmpretrain.
    """
    names = ('_channel_conversion', 'channel_conversion', 'to_rgb')
    return any(getattr(model.data_preprocessor, name, False) for name in names)
