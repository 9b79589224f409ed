"""Classifiers of mmpretrain as functions of pictures."""
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope
from torch import nn

from mmmux.deploy import exact_form
from mmmux.tasks import task_of

pytest.importorskip('mmpretrain')
CONFIGS = Path(__file__).resolve().parents[2] / 'configs/classification'


@pytest.mark.parametrize('config', ['muxnet-s_8xb96-450e_imagenet-224.py', 'muxnet-m_1xb64-30e_chestxray14-224.py'])
def test_scores_are_mmpretrains(config, as_trained):
    cfg = Config.fromfile(CONFIGS / config)
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        model = as_trained(MODELS.build(cfg.model))
    model.head.fc.weight.data.mul_(0.1)  # so that scores are not all 0 or 1
    network = task_of(cfg).deployable(exact_form(model), raw=False).eval()
    assert not any(isinstance(module, nn.BatchNorm2d) for module in network.modules())
    x = torch.randn(3, 3, 96, 96)
    with torch.no_grad():
        scores, = network(x)
        expected = torch.stack([sample.pred_score for sample in model(x, mode='predict')])
    assert expected.std() > 1e-4
    torch.testing.assert_close(scores, expected, rtol=1e-4, atol=1e-6)
