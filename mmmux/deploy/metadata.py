"""What users of an exported file need to know, kept inside the file."""
from mmengine.config import Config
from torch import nn

from mmmux.version import __version__

OUTPUTS = {
    'boxes': 'left, top, right and bottom of each box in pixels of the input',
    'scores': 'from 0 to 1',
    'labels': 'index into classes',
    'logits': 'before softmax or sigmoid',
}
ORDER = {
    'mmdet': 'best first; places without a detection have score 0, label -1 and a box of zeros',
    'mmseg': 'a label for each pixel of the input',
    'mmpretrain': 'one for each class',
}
TASKS = {'mmdet': 'detection', 'mmseg': 'segmentation', 'mmpretrain': 'classification'}


def describe_file(cfg: Config, model: nn.Module, classes, outputs, height: int, width: int, dynamic: bool, precision: str,
                  raw: bool) -> dict:
    """Task, classes, pre-processing and outputs, as plain values."""
    scope = cfg.default_scope
    preprocessor = model.data_preprocessor
    normalised = getattr(preprocessor, '_enable_normalize', False)
    swapped = any(getattr(preprocessor, name, False) for name in ('_channel_conversion', 'to_rgb'))
    resize = next((step for step in cfg.test_dataloader.dataset.get('pipeline', []) if 'Resize' in step['type']), {})
    return dict(
        made_by=f'mmmux {__version__}',
        task=TASKS[scope],
        precision=precision,
        classes=list(classes or ()),
        input=dict(
            layout='batch, 3, height, width; float32',
            height='any' if dynamic else height,
            width='any' if dynamic else width,
            # mm's pipelines read pictures as BGR, which the preprocessor may turn.
            channels='RGB' if swapped else 'BGR',
            mean=preprocessor.mean.flatten().tolist() if normalised else [0., 0., 0.],
            std=preprocessor.std.flatten().tolist() if normalised else [1., 1., 1.],
            values='(pixel from 0 to 255 - mean) / std',
            keep_ratio=bool(resize.get('keep_ratio', False))),
        outputs={name: OUTPUTS[name] for name in outputs},
        order='all anchors' if raw and scope == 'mmdet' else ORDER[scope])
