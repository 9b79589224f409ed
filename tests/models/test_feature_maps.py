"""Strides of anchors against the feature maps that detectors really have."""
import pytest
from facts import assert_facts
from mmengine.registry import init_default_scope

from mmmux.config import load_config
from mmmux.models.feature_maps import feature_map_sizes, fitting_strides, misfit

pytest.importorskip('mmdet')

STRIDES = [16, 32, 64, 107, 160, 320]  # of the configs for 320 x 320 pixels


@pytest.fixture(scope='module')
def detector(configs):
    from mmdet.registry import MODELS
    init_default_scope('mmdet')
    return MODELS.build(load_config(configs / 'ssdlite/ssdlite_muxnet-m_1xb32-200e_voc0712-320.py').model)


@pytest.mark.parametrize('size,cells,strides', [
    ((320, 320), (20, 10, 5, 3, 2, 1), STRIDES),
    ((512, 512), (32, 16, 8, 4, 2, 1), [16, 32, 64, 128, 256, 512]),
    ((300, 300), (19, 10, 5, 3, 2, 1), STRIDES),
    ((160, 160), (10, 5, 3, 2, 1, 1), [16, 32, 64, 107, 160, 320]),
])
def test_of_ssdlite(detector, size, cells, strides):
    assert detector.training  # and stays so
    statistics = detector.backbone.stem[1].running_mean.clone()
    maps = feature_map_sizes(detector, size)
    assert detector.training and bool((detector.backbone.stem[1].running_mean == statistics).all())
    assert maps == [(side, side) for side in cells]
    assert fitting_strides(STRIDES, maps, size) == strides
    assert (misfit(STRIDES, maps, size) is None) == (strides == STRIDES)


def test_of_a_wide_picture(detector):
    maps = feature_map_sizes(detector, (512, 320))
    assert maps == [(32, 20), (16, 10), (8, 5), (4, 3), (2, 2), (1, 1)]
    assert fitting_strides(STRIDES, maps, (512, 320)) == [16, 32, 64, (128, 107), (256, 160), (512, 320)]


def test_padding_of_the_preprocessor_is_counted(detector, monkeypatch):
    monkeypatch.setattr(detector.data_preprocessor, 'pad_size_divisor', 64)
    assert feature_map_sizes(detector, (310, 250)) == feature_map_sizes(detector, (320, 256))


def test_levels_that_do_not_fit_are_named(detector):
    sentence = misfit(STRIDES, feature_map_sizes(detector, (512, 512)), (512, 512))
    assert_facts(sentence, '512 x 512', 'level 3', '4 x 4', '107', 'level 5', '1 x 1',
                 'model.bbox_head.anchor_generator.strides=[16,32,64,128,256,512]')
    assert 'level 2' not in sentence
