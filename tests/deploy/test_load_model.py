"""Load the model of a config, and prepare pictures with its preprocessor."""
import numpy as np
import pytest
import torch
from facts import raises
from mmengine.config import Config
from mmengine.model import BaseModel, ImgDataPreprocessor
from PIL import Image
from torch import nn

from mmmux.deploy.load_model import prepared, trained_model
from mmmux.deploy.metadata import describe_input
from mmmux.deploy.tensor_mode import TensorMode
from mmmux.utils.errors import ConfigError


class Mean(BaseModel):
    """The means of the three colours, or more than one tensor."""

    def __init__(self, several: bool = False, data_preprocessor=None):
        super().__init__(data_preprocessor)
        self.scale, self.several = nn.Parameter(torch.ones(3)), several

    def forward(self, inputs, data_samples=None, mode='tensor'):
        means = inputs.mean((2, 3)) * self.scale
        return (means, means) if self.several else means


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / 'picture.png'
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (8, 12, 3), dtype=np.uint8)).save(path)
    return path


def bgr(path) -> torch.Tensor:
    return torch.from_numpy(np.asarray(Image.open(path))[..., ::-1].copy()).permute(2, 0, 1)[None].float()


def test_pictures_of_a_model_that_normalises_nothing(picture):
    """mmengine's BaseDataPreprocessor returns a list of uint8 tensors."""
    x, = prepared(Mean(), [picture], 8, 12)
    assert x.dtype == torch.float32 and torch.equal(x, bgr(picture))


def test_preprocessor_beside_the_model(picture, tmp_path):
    """mmengine's runner uses it for a model that has no preprocessor."""
    torch.save(dict(state_dict=Mean().state_dict()), tmp_path / 'mean.pth')
    beside = dict(type=ImgDataPreprocessor, mean=[100.] * 3, std=[50.] * 3)
    cfg = Config(dict(model=dict(type=Mean), data_preprocessor=beside))
    x, = prepared(trained_model(cfg, str(tmp_path / 'mean.pth')), [picture], 8, 12)
    assert torch.allclose(x, (bgr(picture) - 100) / 50)
    cfg.model.data_preprocessor = dict(beside, mean=[0.] * 3)
    x, = prepared(trained_model(cfg, str(tmp_path / 'mean.pth')), [picture], 8, 12)
    assert torch.allclose(x, bgr(picture) / 50)


@pytest.mark.parametrize(('package', 'preprocessor', 'option'), [
    ('mmdet', 'DetDataPreprocessor', 'bgr_to_rgb'), ('mmseg', 'SegDataPreProcessor', 'bgr_to_rgb'),
    ('mmpretrain', 'ClsDataPreprocessor', 'to_rgb')])
@pytest.mark.parametrize('turned', [False, True])
def test_an_exported_file_names_the_order_of_colours(package, preprocessor, option, turned):
    model = Mean()
    kind = pytest.importorskip(f'{package}.models').__dict__.get(preprocessor)
    if kind is None:
        kind = getattr(pytest.importorskip(f'{package}.models.utils'), preprocessor)
    model.data_preprocessor = kind(mean=[0.] * 3, std=[1.] * 3, **{option: turned})
    assert describe_input(Config({}), model, (8, 12))['channels'] == ('RGB' if turned else 'BGR')


def test_forward_must_return_one_tensor():
    x = torch.rand(2, 3, 4, 4)
    output, = TensorMode(Mean())(x)
    assert torch.allclose(output, x.mean((2, 3)))
    with raises(ConfigError, 'Mean', 'tuple', 'deployable'):
        TensorMode(Mean(several=True))(x)
