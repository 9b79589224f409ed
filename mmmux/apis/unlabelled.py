"""Test with images that have no annotations: predict them, and compute no metric."""
import os
from collections.abc import Sequence
from pathlib import Path

from mmengine.config import Config, ConfigDict
from mmengine.registry import DATASETS, init_default_scope

from mmmux.config.annotation_steps import without_annotations
from mmmux.config.load import innermost_dataset
from mmmux.config.suggestions import explained
from mmmux.utils.errors import ConfigError

from .inputs import inputs_of


def predict_only(cfg: Config, given: Sequence[str | Path]) -> None:
    """Change a config so that testing predicts images without annotations, and computes no metric (`--pictures`).

    Args:
        cfg: the config of the test, changed in place.
        given: files, folders, which are searched with their subfolders, or patterns.

    Raises:
        ConfigError: an item gives no image, or is a video.
    """
    found = [each for item in given for each in inputs_of(item)]
    moving = [each.source for each in found if each.moves]
    if moving:
        raise ConfigError(f'--pictures gives {moving[0]}, a video or webcam: tools/image_demo.py predicts these')
    files = [each.source for each in found]
    init_default_scope(cfg.get('default_scope', 'mmengine'))
    dataset = innermost_dataset(cfg.test_dataloader)
    with explained(cfg):
        metainfo = DATASETS.build(dict(dataset, lazy_init=True)).metainfo
    cfg.test_dataloader.dataset = ConfigDict(
        type='mmmux.PictureList', pictures=[str(path) for path in files], metainfo=metainfo,
        root=os.path.commonpath([path.absolute().parent for path in files]), pipeline=without_annotations(dataset.pipeline))
    if 'tta_pipeline' in cfg:
        cfg.tta_pipeline = without_annotations(cfg.tta_pipeline)
    cfg.test_evaluator = []

