import math
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope

ROOT = Path(__file__).resolve().parents[2] / 'configs/classification'
MUXNET, MOBILENET = (ROOT / f'{name}_1xb64-30e_chestxray14-224.py' for name in ('muxnet-m', 'mobilenetv2'))


def build(path: Path):
    from mmpretrain.registry import MODELS
    init_default_scope('mmpretrain')
    return MODELS.build(Config.fromfile(path).model)


def test_parameters_are_the_papers():
    """MUXNet-m with 10 classes has 2,086,086; four more have 1280 weights and a bias each. The paper: 2.1 M."""
    parameters = sum(parameter.numel() for parameter in build(MUXNET).parameters())
    assert parameters == 2_086_086 + 4 * 1281 and f'{parameters / 1e6:.1f}' == '2.1'


def test_baseline_differs_in_the_backbone_alone():
    recipes = [Config.fromfile(path).to_dict() for path in (MUXNET, MOBILENET)]
    assert [recipe['model'].pop('backbone')['type'] for recipe in recipes] == ['mmmux.MUXNet', 'MobileNetV2']
    assert recipes[0] == recipes[1]


@pytest.mark.parametrize('path', [MUXNET, MOBILENET], ids=lambda path: path.stem)
def test_name_tells_batch_and_length(path):
    cfg = Config.fromfile(path)
    assert cfg.train_dataloader.batch_size == cfg.auto_scale_lr.base_batch_size == 64
    assert cfg.train_cfg.max_epochs == cfg.param_scheduler[-1].end == 30
    assert cfg.param_scheduler[-1].T_max + cfg.param_scheduler[-1].begin == 30


def test_loss_is_binary_cross_entropy_added_up_over_the_findings():
    from mmpretrain.structures import DataSample
    head = build(MUXNET).head.eval()
    labels = [[0, 13], [], [5]]
    features = torch.randn(3, 1280)
    loss = head.loss((features, ), [DataSample().set_gt_label(label) for label in labels])['loss']
    scores = head((features, )).sigmoid().double()
    chances = [score if finding in label else 1 - score
               for row, label in zip(scores, labels) for finding, score in enumerate(row)]
    assert len(chances) == 3 * 14
    assert float(loss) == pytest.approx(-sum(math.log(chance) for chance in chances) / 3, rel=1e-4)


def test_each_part_of_the_data_has_its_use():
    cfg = Config.fromfile(MUXNET)
    train, val, test = (cfg[f'{name}_dataloader'].dataset for name in ('train', 'val', 'test'))
    assert (train.split, val.split, test.split) == ('train', 'val', 'test')
    assert train.val_fraction == val.val_fraction
    assert not train.get('test_mode') and val.test_mode and test.test_mode
    assert cfg.default_hooks.checkpoint.save_best == 'auroc/mean' and cfg.default_hooks.checkpoint.rule == 'greater'
    # What any classification runs with stays, and comparing the patients comes on top.
    base = Config.fromfile(ROOT.parent / '_base_/classification_runtime.py')
    assert cfg.custom_hooks == [*base.custom_hooks, dict(type='mmmux.DisjointPatientsHook')]
