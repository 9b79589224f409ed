"""Exported models compute the predictions of mmdet and mmseg."""
from pathlib import Path

import pytest
import torch
from facts import raises
from mmengine.config import Config
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import MODELS, init_default_scope
from torch import nn

from mmmux.deploy import exact_form
from mmmux.deploy.verify import unmatched_detections
from mmmux.tasks import Detection, Segmentation
from mmmux.utils.errors import ConfigError

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'


def deployed(task, model, raw=False):
    return task.deployable(exact_form(model), raw).eval()


def build(config):
    cfg = Config.fromfile(CONFIGS / config)
    init_default_scope(cfg.default_scope)
    return revert_sync_batchnorm(MODELS.build(cfg.model))


def detector(as_trained):
    model = as_trained(build('ssdlite/ssdlite_muxnet-m_1xb8-40e_bccd-320.py'))
    # Scores and boxes as of a network that knows something: random weights would drive all scores to 0 or 1.
    for convs in (model.bbox_head.cls_convs, model.bbox_head.reg_convs):
        for conv in convs:
            conv[-1].weight.data.mul_(0.02)
    return model


@pytest.mark.parametrize('settings', [{}, dict(nms_pre=50), dict(score_thr=0.27, max_per_img=10), dict(min_bbox_size=40)])
def test_detections_are_mmdets(settings, as_trained):
    pytest.importorskip('mmdet')
    from mmdet.structures import DetDataSample
    model = detector(as_trained)
    model.bbox_head.test_cfg.update(settings)
    x = torch.randn(2, 3, 160, 200)
    samples = [DetDataSample(metainfo=dict(img_shape=(160, 200), ori_shape=(160, 200), scale_factor=(1., 1.))) for _ in x]
    with torch.no_grad():
        ours = [output.numpy() for output in deployed(Detection(), model)(x)]
        theirs = [sample.pred_instances for sample in model.predict(x, samples)]
    for picture, expected in enumerate(theirs):
        found = int((ours[2][picture] >= 0).sum())
        assert found == len(expected) > 3
        assert unmatched_detections(('boxes', 'scores', 'labels'), [output[picture:picture + 1, :found] for output in ours],
                            [value.numpy()[None] for value in (expected.bboxes, expected.scores, expected.labels)]) is None


def test_raw_detections_are_those_of_all_anchors(as_trained):
    pytest.importorskip('mmdet')
    model = detector(as_trained)
    with torch.no_grad():
        boxes, scores = deployed(Detection(), model, raw=True)(torch.randn(2, 3, 160, 200))
    # Features of 20 x 25, 10 x 13, 5 x 7, 3 x 4, 2 x 2 and 1 x 1 with six anchors in each place.
    assert boxes.shape == (2, 6 * (500 + 130 + 35 + 12 + 4 + 1), 4) and scores.shape == (2, boxes.shape[1], 3)
    assert boxes.min() >= 0 and (boxes[..., 2] <= 200).all() and (boxes[..., 3] <= 160).all() and (scores.sum(-1) < 1).all()


@pytest.mark.slow
@pytest.mark.parametrize('decoder', ['c1', 'ppm'])
def test_label_maps_are_mmsegs(decoder, as_trained):
    pytest.importorskip('mmseg')
    model = as_trained(build(f'{decoder}/{decoder}_muxnet-m-d8_1xb4-1200it_camvid-192x256.py'))
    x = torch.randn(1, 3, 96, 130)
    meta = dict(img_shape=(96, 130), ori_shape=(96, 130), pad_shape=(96, 130))
    with torch.no_grad():
        expected = model.encode_decode(x, [meta]).argmax(1)
        labels, = deployed(Segmentation(), model)(x)
    assert labels.shape == (1, 96, 130) and (labels == expected).float().mean() > 0.999
    assert len(labels.unique()) > 1


def test_models_that_cannot_be_exported_are_refused():
    with raises(ConfigError, 'bbox_head', 'prior_generator', 'bbox_coder', 'Linear'):
        deployed(Detection(), nn.Linear(1, 1).eval())
    pytest.importorskip('mmseg')
    model = build('c1/c1_muxnet-m-d8_1xb4-1200it_camvid-192x256.py').eval()
    model.test_cfg.mode = 'slide'
    with raises(ConfigError, 'model.test_cfg.mode', "'slide'", "'whole'"):
        deployed(Segmentation(), model)
