import copy

import numpy as np
import pytest
import torch
from facts import raises
from mmengine.dataset import Compose, pseudo_collate
from mmengine.registry import MODELS, DefaultScope
from PIL import Image

from mmmux.apis import Inferencer
from mmmux.config import load_config
from mmmux.utils.errors import ConfigError
from mmmux.visualization.scores import with_scores

CIFAR10 = ('airplane', 'automobile', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse', 'ship', 'truck')
NAMES = tuple(f'name {number}' for number in range(10))


def build(cfg):
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        model = MODELS.build(cfg.model)
    model.init_weights()
    torch.nn.init.normal_(model.head.fc.weight)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.  # the statistics of some pictures, so that other pictures get different scores
    with torch.no_grad():
        model.train()(torch.randn(8, 3, 64, 64))
    return model.eval()


@pytest.fixture(scope='module')
def cfg(configs):
    """Of pictures in files."""
    return load_config(configs / 'classification/muxnet-xs_1xb128-25e_cifar10-folders-32.py')


@pytest.fixture(scope='module')
def model(cfg):
    torch.manual_seed(0)
    return build(cfg)


@pytest.fixture
def save(tmp_path):
    def save(model, name: str = 'weights.pth', **meta) -> str:
        torch.save(dict(state_dict=model.state_dict(), meta=meta), tmp_path / name)
        return str(tmp_path / name)

    return save


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / 'picture.png'
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)).save(path)
    return path


def scores_of(model, image: np.ndarray, to_rgb: bool = False) -> torch.Tensor:
    """Of a picture (H, W, 3), RGB, by the model's own preprocessor, which expects BGR where it turns to RGB."""
    inputs = torch.from_numpy(np.ascontiguousarray(image[..., ::-1] if to_rgb else image)).permute(2, 0, 1)
    with torch.no_grad():
        return model.test_step(pseudo_collate([dict(inputs=inputs)]))[0].pred_score


class TestClasses:

    def test_are_those_of_the_checkpoint(self, cfg, model, save, picture):
        inferencer = Inferencer(cfg, save(model, dataset_meta=dict(classes=NAMES)), 'cpu')
        drawn, sample = inferencer.drawn(picture)
        expected = scores_of(model, np.asarray(Image.open(picture)), to_rgb=True)
        assert torch.allclose(sample.pred_score, expected, atol=1e-6)
        assert drawn.tobytes() == with_scores(np.asarray(Image.open(picture)), expected.numpy(), NAMES).tobytes()
        best = expected.argmax()
        assert inferencer.summary(sample) == f', name {best} ({100 * expected[best]:.0f} %)'

    @pytest.mark.parametrize('bare', [False, True])
    def test_are_the_configs_where_the_checkpoint_names_none(self, cfg, model, save, tmp_path, picture, bare):
        path = save(model)
        if bare:
            torch.save(model.state_dict(), path)
        inferencer = Inferencer(cfg, path, 'cpu')
        sample = inferencer.predict(picture)
        expected = scores_of(model, np.asarray(Image.open(picture)), to_rgb=True)
        assert torch.allclose(sample.pred_score, expected, atol=1e-6)
        assert inferencer.summary(sample).startswith(f', {CIFAR10[expected.argmax()]} (')

    def test_must_be_named_by_one_of_them(self, cfg, model, save):
        unnamed = copy.deepcopy(cfg)
        unnamed.test_dataloader.dataset.pop('metainfo')
        path = save(model)
        with raises(ConfigError, path, 'test_dataloader.dataset.metainfo', 'metainfo.classes'):
            Inferencer(unnamed, path, 'cpu')

    def test_of_weights_saved_by_several_processes(self, cfg, model, save, picture):
        path = save(model)
        torch.save({f'module.{name}': value for name, value in model.state_dict().items()}, path)
        sample = Inferencer(cfg, path, 'cpu').predict(picture)
        assert torch.allclose(sample.pred_score, scores_of(model, np.asarray(Image.open(picture)), to_rgb=True), atol=1e-6)


@pytest.mark.parametrize('classes', [10, 100])
def test_configs_of_batches_read_files_as_rgb(configs, save, tmp_path, classes):
    """The data set gives BGR pictures, as they come from files, so that the pipeline loads nothing and RGB is learnt from."""
    cfg = load_config(configs / f'classification/muxnet-m_1xb96-50e_cifar{classes}-224.py')
    cfg.model.backbone.arch, cfg.model.head.in_channels = 'xs', 1152
    model = build(cfg)
    image = np.random.default_rng(1).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    Image.fromarray(image).save(tmp_path / 'picture.png')
    inferencer = Inferencer(cfg, save(model), 'cpu')
    sample = inferencer.predict(tmp_path / 'picture.png')
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        prepared = Compose(cfg.test_dataloader.dataset.pipeline)(dict(img=image))['inputs'].permute(1, 2, 0).numpy()
    expected = scores_of(model, prepared, to_rgb=True)
    assert sample.pred_score.shape == (classes, )
    assert torch.allclose(sample.pred_score, expected, atol=1e-5)
    assert torch.allclose(inferencer.predict(image).pred_score, expected, atol=1e-5)
    assert (scores_of(model, prepared) - expected).abs().max() > 1e-3  # blue and red are not the same to it
