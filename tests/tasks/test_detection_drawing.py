"""A detector's boxes are drawn fast with the stock visualizer's look, and by the visualizer that a config changes."""
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData

pytest.importorskip('mmdet')

META = dict(classes=('cell', 'plate'), palette=[(255, 0, 0), (0, 0, 255)])
IMAGE = np.zeros((90, 120, 3), np.uint8)


@pytest.fixture
def sample():
    from mmdet.structures import DetDataSample
    return DetDataSample(pred_instances=InstanceData(
        bboxes=torch.tensor([[10., 10., 60., 80.], [70., 20., 110., 60.]]), labels=torch.tensor([0, 1]),
        scores=torch.tensor([0.9, 0.2])))


def drawn(sample, visualizer: dict, threshold: float) -> np.ndarray:
    from mmmux.tasks import Detection
    init_default_scope('mmdet')
    model = SimpleNamespace(cfg=Config(dict(visualizer=visualizer)), dataset_meta=META)
    return np.asarray(Detection().draw(IMAGE, sample, model, threshold)).astype(int)


@pytest.mark.parametrize('options', [{}, dict(name='visualizer', vis_backends=[dict(type='LocalVisBackend')])])
def test_stock_look(sample, options):
    visualizer = dict(type='DetLocalVisualizer', **options)
    image = drawn(sample, visualizer, 0.3)
    assert image[60, 10, 0] > 150 and not image[..., 2][62:].any()  # red sides, and no blue ones below the texts
    assert drawn(sample, visualizer, 0.1)[50, 110, 2] > 150


def test_it_looks_as_mmdets_own_drawing(sample):
    """Its sides lie on the same pixels, give or take a pixel of smoothing."""
    ours = drawn(sample, dict(type='DetLocalVisualizer'), 0.3)
    theirs = drawn(sample, dict(type='DetLocalVisualizer', alpha=0.8), 0.3)  # with an argument, mmdet draws
    for image in (ours, theirs):
        assert image[60, 9:12, 0].max() > 100 and image[79:82, 30, 0].max() > 100
        assert not image[60, 14:56].any() and not image[60, :6].any() and not image[60, 64:].any()


def test_what_a_config_changes_is_drawn_by_its_visualizer(sample):
    image = drawn(sample, dict(type='DetLocalVisualizer', bbox_color=(0, 255, 0)), 0.3)
    assert image[60, 10, 1] > 100 and image[60, 10, 0] < 60
