"""Tiles of large images and their merged detections, compared with those of cropped images."""
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from facts import raises
from mmengine.registry import DefaultScope, init_default_scope
from mmengine.structures import InstanceData

from mmmux.utils.errors import ConfigError

pytest.importorskip('sahi')
pytest.importorskip('mmdet')

SIDE, OVERLAP = 96, 0.25


def test_tiles_cover_the_image():
    from mmmux.datasets import CutTiles
    image = np.random.default_rng(0).integers(0, 256, (150, 230, 3), dtype=np.uint8)
    cut = CutTiles(SIDE, OVERLAP, [dict(type='Resize', scale_factor=1.0)])
    parts = cut(dict(img=image, img_path='a.jpg'))
    assert parts['tile_offset'][0] == (0, 0) and parts['img'][0].shape == image.shape
    seen = np.zeros(image.shape[:2], int)
    for (x, y), part, shape in list(zip(parts['tile_offset'], parts['img'], parts['ori_shape']))[1:]:
        assert part.shape == (SIDE, SIDE, 3) and shape == (SIDE, SIDE)
        assert (part == image[y:y + SIDE, x:x + SIDE]).all()
        seen[y:y + SIDE, x:x + SIDE] += 1
    assert seen.min() == 1 and seen.max() > 1


def test_small_image_is_not_cut():
    from mmmux.datasets import CutTiles
    parts = CutTiles(SIDE, OVERLAP, [dict(type='Resize', scale_factor=1.0)])(dict(img=np.zeros((SIDE, 50, 3), np.uint8)))
    assert len(parts['img']) == 1


@pytest.mark.parametrize(('size', 'overlap'), [(16, 0.2), (100, 1.), (100, -0.1), ('100', 0.2)])
def test_refused(size, overlap):
    from mmmux.datasets import CutTiles
    with raises(ConfigError, size, overlap):
        CutTiles(size, overlap, [])


def sample(offset, *found):
    boxes, scores, labels = (torch.tensor([each[place] for each in found]) for place in range(3))
    return SimpleNamespace(tile_offset=offset, pred_instances=InstanceData(
        bboxes=boxes.float().reshape(-1, 4), scores=scores.float(), labels=labels.long()))


def test_merged():
    """An object in two tiles, the part of one that is cut off, one of another class in the same place, and one alone."""
    from mmmux.models.detectors import TiledDetector
    model = TiledDetector(SimpleNamespaceModel())
    whole = sample((0, 0), ([200., 200, 280, 280], 0.6, 0))
    left = sample((0, 0), ([70., 10, 90, 30], 0.9, 0), ([50., 50, 96, 80], 0.5, 1))
    right = sample((72, 0), ([-2., 10, 18, 30], 0.8, 0), ([-22., 50, 60, 80], 0.7, 1), ([-2., 10, 18, 30], 0.3, 1))
    merged, = model.merge_preds([(whole, left, right)])
    found = merged.pred_instances
    assert merged is whole and torch.allclose(found.scores, torch.tensor([0.9, 0.7, 0.6, 0.3]))
    assert found.bboxes.tolist() == [[70, 10, 90, 30], [50, 50, 132, 80], [200, 200, 280, 280], [70, 10, 90, 30]]
    assert found.labels.tolist() == [0, 1, 0, 1]


class SimpleNamespaceModel(torch.nn.Module):
    """A module that TiledDetector accepts."""

    def test_step(self, data):
        raise NotImplementedError


def test_nothing_found():
    from mmmux.models.detectors import TiledDetector
    merged, = TiledDetector(SimpleNamespaceModel()).merge_preds([(sample((0, 0)), sample((9, 0)))])
    assert len(merged.pred_instances) == 0


@pytest.fixture
def weights(configs, tmp_path):
    from mmdet.registry import MODELS

    from mmmux.config import load_config
    cfg = load_config(configs / 'ssdlite/ssdlite_muxnet-m_1xb16-25e_shapes-160.py')
    with DefaultScope.overwrite_default_scope('mmdet'):
        torch.save(dict(state_dict=MODELS.build(cfg.model).state_dict(), meta={}), tmp_path / 'detector.pth')
    return cfg, str(tmp_path / 'detector.pth')


def test_inferencer(weights):
    """Every box is one of a crop's, and the one with the highest score of all is kept."""
    from mmmux.apis import Inferencer
    init_default_scope('mmdet')
    image = np.random.default_rng(0).integers(0, 256, (96, 168, 3), dtype=np.uint8)
    plain = Inferencer(*weights, 'cpu')
    expected = []
    for x, width in ((0, 168), (0, SIDE), (72, SIDE)):  # an overlap of a quarter
        found = plain.predict(np.ascontiguousarray(image[:, x:x + width])).pred_instances
        expected.append(torch.cat([found.bboxes + torch.tensor([x, 0, x, 0]), found.scores[:, None]], 1))
    expected = torch.cat(expected)
    found = Inferencer(*weights, 'cpu', tiles=(SIDE, OVERLAP)).predict(image).pred_instances
    ours = torch.cat([found.bboxes, found.scores[:, None]], 1)
    assert 0 < len(ours) < len(expected)
    assert (ours[:, None] - expected).abs().amax(2).amin(1).max() < 1e-3
    assert ours[0, 4] == pytest.approx(float(expected[:, 4].max()), abs=1e-5)
    assert plain.cfg.model.type != 'mmmux.TiledDetector'
