import copy

import numpy as np
import pytest
import torch
from facts import raises
from mmengine.registry import DefaultScope, init_default_scope
from PIL import Image

from mmmux.apis import Inferencer
from mmmux.config import load_config
from mmmux.utils.errors import CheckpointError, ConfigError, DatasetError


@pytest.fixture(autouse=True)
def _scope():
    init_default_scope('mmdet')


@pytest.fixture(scope='module')
def cfg(configs):
    return load_config(configs / 'ssdlite/ssdlite_muxnet-m_1xb16-25e_shapes-160.py')


@pytest.fixture(scope='module')
def checkpoint(cfg, tmp_path_factory):
    from mmdet.registry import MODELS
    path = tmp_path_factory.mktemp('weights') / 'detector.pth'
    with DefaultScope.overwrite_default_scope('mmdet'):
        torch.save(dict(state_dict=MODELS.build(cfg.model).state_dict(), meta={}), path)
    return path


@pytest.fixture(scope='module')
def inferencer(cfg, checkpoint):
    return Inferencer(cfg, str(checkpoint), 'cpu')


@pytest.fixture
def picture(shapes):
    return next((shapes / 'VOC2007/JPEGImages').glob('*.jpg'))


def test_draws_what_reaches_the_threshold(inferencer, picture, tmp_path):
    sample = inferencer.draw(picture, tmp_path / 'all.png', threshold=0.)
    inferencer.draw(picture, tmp_path / 'none.png', threshold=1.1)
    assert len(sample.pred_instances) > 0
    drawn = [Image.open(tmp_path / name).convert('RGB').tobytes() for name in ('all.png', 'none.png')]
    assert drawn[1] == Image.open(picture).tobytes() != drawn[0]


def test_drawing_decodes_the_picture_once(inferencer, picture, tmp_path, monkeypatch):
    import mmcv
    alone, decode, decoded = inferencer.predict(picture), mmcv.imfrombytes, []

    def counted(*args, **kwargs):
        decoded.append(args)
        return decode(*args, **kwargs)

    monkeypatch.setattr(mmcv, 'imfrombytes', counted)
    drawn = inferencer.draw(picture, tmp_path / 'drawn.png')
    assert len(decoded) == 1 and drawn.img_path == str(picture)
    assert torch.equal(drawn.pred_instances.bboxes, alone.pred_instances.bboxes)
    assert torch.equal(drawn.pred_instances.scores, alone.pred_instances.scores)


@pytest.mark.parametrize('change', [dict(to_float32=True), dict(color_type='unchanged'), dict(imdecode_backend='pillow')])
def test_a_picture_that_is_read_in_another_way_is_read_for_the_prediction_too(cfg, checkpoint, picture, tmp_path, change):
    other = copy.deepcopy(cfg)
    other.test_dataloader.dataset.pipeline[0].update(change)
    inferencer = Inferencer(other, str(checkpoint), 'cpu')
    drawn, alone = inferencer.draw(picture, tmp_path / 'drawn.png'), inferencer.predict(picture)
    assert torch.equal(drawn.pred_instances.bboxes, alone.pred_instances.bboxes)


def test_predicts_what_mmdet_does(cfg, checkpoint, inferencer, picture):
    from mmdet.apis import inference_detector, init_detector
    theirs = inference_detector(init_detector(cfg.copy(), str(checkpoint), device='cpu'), str(picture)).pred_instances
    ours = inferencer.predict(picture).pred_instances
    assert len(ours) > 0 and torch.equal(ours.bboxes, theirs.bboxes) and torch.equal(ours.labels, theirs.labels)


def test_an_array_is_rgb(inferencer, picture):
    """The same prediction as for the file, whose pixels it has."""
    of_file, of_array = inferencer.predict(picture), inferencer.predict(np.asarray(Image.open(picture)))
    assert torch.equal(of_array.pred_instances.bboxes, of_file.pred_instances.bboxes)
    assert torch.equal(of_array.pred_instances.scores, of_file.pred_instances.scores)


@pytest.mark.parametrize('spoil', [lambda path: None, lambda path: path.write_bytes(b''), lambda path: path.write_text('text')])
def test_unreadable_picture(inferencer, tmp_path, spoil):
    path = tmp_path / 'bad.jpg'
    spoil(path)
    with raises(DatasetError, path):
        inferencer.draw(path, tmp_path / 'out.jpg')


def test_never_overwrites_the_picture(inferencer, picture):
    before = picture.read_bytes()
    same = picture.parent / '..' / picture.parent.name / picture.name
    with raises(ConfigError, same):
        inferencer.draw(picture, same)
    assert picture.read_bytes() == before


def test_missing_checkpoint(cfg):
    with raises(CheckpointError, 'gone.pth', 'exist'):
        Inferencer(cfg, 'gone.pth')


def test_checkpoint_of_another_model(cfg, checkpoint, tmp_path):
    state = torch.load(checkpoint, weights_only=True)['state_dict']
    other = {key: value for key, value in state.items() if not key.startswith('bbox_head')}
    torch.save(dict(state_dict=other, meta={}), tmp_path / 'other.pth')
    lacking = next(key for key in state if key.startswith('bbox_head'))
    with raises(CheckpointError, tmp_path / 'other.pth', f"'{lacking}'"):
        Inferencer(cfg, str(tmp_path / 'other.pth'), 'cpu')
