"""Whole detectors and segmentors: the same boxes, the same label maps."""
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import MODELS, init_default_scope
from torch import nn

from mmmux.deploy import exact_form

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'


@pytest.fixture(autouse=True)
def _scope():
    yield
    init_default_scope('mmengine')


def build(config, scope):
    init_default_scope(scope)
    cfg = Config.fromfile(CONFIGS / config)
    return revert_sync_batchnorm(MODELS.build(cfg.model))


def norms(model):
    return [module for module in model.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]


@pytest.mark.parametrize('backbone', ['muxnet-m', 'mobilenetv2'])
def test_a_detector_finds_the_same_boxes(backbone, as_trained):
    pytest.importorskip('mmdet')
    from mmdet.structures import DetDataSample
    model = as_trained(build(f'ssdlite/ssdlite_{backbone}_1xb8-40e_bccd-320.py', 'mmdet'))
    exact = exact_form(model)
    assert norms(model) and not norms(exact)
    shape = dict(img_shape=(320, 288), ori_shape=(640, 576), scale_factor=(0.5, 0.5), pad_shape=(320, 288),
                 batch_input_shape=(320, 288))
    x = torch.randn(2, 3, 320, 288)
    with torch.no_grad():
        theirs, ours = (detector.predict(x, [DetDataSample(metainfo=shape) for _ in x]) for detector in (model, exact))
    for expected, found in zip(theirs, ours):
        expected, found = expected.pred_instances, found.pred_instances
        assert len(expected) > 10 and torch.equal(expected.labels, found.labels)
        torch.testing.assert_close(found.bboxes, expected.bboxes, rtol=1e-4, atol=0.05)
        torch.testing.assert_close(found.scores, expected.scores, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('config', ['c1/c1_muxnet-m-d8_1xb4-1200it_camvid-192x256.py',
                                    'ppm/ppm_muxnet-m-d8_1xb4-1200it_camvid-192x256.py'])
def test_a_segmentor_gives_the_same_label_map(config, as_trained):
    pytest.importorskip('mmseg')
    model = as_trained(build(config, 'mmseg'))
    exact = exact_form(model)
    assert norms(model) and not norms(exact)
    x = torch.randn(2, 3, 96, 136)
    meta = dict(img_shape=(96, 136), ori_shape=(96, 136), pad_shape=(96, 136))
    with torch.no_grad():
        theirs, ours = (segmentor.encode_decode(x, [meta, meta]) for segmentor in (model, exact))
    assert (ours - theirs).abs().max() < 1e-5 * theirs.abs().max()
    top = theirs.topk(2, 1).values
    clear = top[:, 0] - top[:, 1] > 1e-4 * theirs.abs().max()
    assert clear.float().mean() > 0.99 and len(theirs.argmax(1).unique()) > 1
    assert torch.equal(theirs.argmax(1)[clear], ours.argmax(1)[clear])
