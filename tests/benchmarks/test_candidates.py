import json
import runpy
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from mmmux.models import ARCHITECTURES, DS, MUX, MUXNet, get_architecture

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = runpy.run_path(str(ROOT / 'benchmarks/candidates.py'))
CANDIDATES = SCRIPT['CANDIDATES']
BUDGETS = {'xs': (1.8, 66), 's': (2.4, 117)}  # the paper's: millions of parameters and of multiply-adds


@pytest.mark.parametrize('name', CANDIDATES)
class TestEveryCandidate:

    def test_meets_the_budget_of_its_size(self, name):
        """With 1000 classes at 224 x 224, as torch counts."""
        arch = CANDIDATES[name]
        with torch.device('meta'):
            network, linear = MUXNet(arch, out_indices=(7, )).eval(), nn.Linear(arch.head_channels, 1000)
        with FlopCounterMode(display=False) as counter:
            linear(network(torch.rand(1, 3, 224, 224, device='meta'))[0].mean((2, 3)))
        millions, multiply_adds = BUDGETS[name.partition('-')[0]]
        assert round(sum(p.numel() for module in (network, linear) for p in module.parameters()) / 1e6, 1) == millions
        assert counter.get_total_flops() / 2e6 == pytest.approx(multiply_adds, abs=1)

    def test_has_the_familys_shape(self, name):
        """Kinds, kernels, strides and activations of m's blocks, apart from how many MUX blocks follow."""
        def shape(arch):
            return [list(dict.fromkeys((type(row), row.kernel_size, getattr(row, 'stride', 1), row.act) for row in stage))
                    for stage in arch.stages]

        assert shape(CANDIDATES[name]) == shape(ARCHITECTURES['m'])
        rows = [row for stage in CANDIDATES[name].stages for row in stage]
        assert all(row.se_ratio == (0.25 if isinstance(row, DS) else 0.75) for row in rows)

    def test_multiplexes_where_its_name_says(self, name):
        stages = {stage: {row.scales for row in rows if isinstance(row, MUX)} for stage, rows in
                  enumerate(CANDIDATES[name].stages) if stage in range(1, 6)}
        pattern = name.partition('-')[2]
        coarse, fine = {(-1, 0)}, {(0, 1)}
        expected = {stage: {None} for stage in range(1, 6)}
        if pattern in ('coarse-early', 'coarse-fine'):
            expected.update({1: coarse, 2: coarse})
        if pattern in ('fine-late', 'coarse-fine'):
            expected.update({4: fine, 5: fine})
        if pattern == 'everywhere':
            expected = {stage: {(-1, 0, 1)} for stage in expected}
        assert stages == expected

    def test_was_trained_as_it_is(self, name):
        row = json.loads((ROOT / 'benchmarks/results/candidates.json').read_text())['candidates'][name]
        assert get_architecture(row['arch']) == CANDIDATES[name]

    def test_is_what_a_training_of_it_trains(self, name, monkeypatch, tmp_path):
        trained = []
        monkeypatch.setitem(SCRIPT['train_one'].__globals__, 'train', trained.append)
        SCRIPT['train_one'](name, 3, tmp_path, {'train_cfg.max_epochs': 2})
        (cfg, ) = trained
        assert get_architecture(cfg.model.backbone.backbone.arch) == CANDIDATES[name]
        assert cfg.model.head.in_channels == CANDIDATES[name].head_channels
        assert (cfg.randomness.seed, cfg.train_cfg.max_epochs, cfg.work_dir) == (3, 2, str(tmp_path))


@pytest.mark.parametrize('size', ['xs', 's'])
def test_the_network_of_the_family_is_one_of_them(size):
    assert ARCHITECTURES[size] == CANDIDATES[f'{size}-coarse-fine']


def test_the_config_without_spatial_multiplexing_is_one_of_them():
    """The ablation compares networks of one budget under one recipe."""
    plain, multiplexed = (Config.fromfile(ROOT / f'configs/classification/muxnet-{name}_1xb128-25e_cifar10-folders-32.py')
                          for name in ('xs-plain', 'xs'))
    assert get_architecture(plain.model.backbone.backbone.arch) == CANDIDATES['xs-plain']
    assert plain.model.head.in_channels == CANDIDATES['xs-plain'].head_channels
    for cfg in (plain, multiplexed):
        cfg.pop('arch', None)
        cfg.model.backbone.backbone.pop('arch')
    assert plain.to_dict() == multiplexed.to_dict()


def test_what_is_written_down(tmp_path):
    """The last accuracy of each training, and the parameters and MACs of the network with 1000 classes."""
    folders = [tmp_path / name for name in 'ab']
    for folder, last in zip(folders, (40.126, 50.)):
        (folder / '20260101_000000/vis_data').mkdir(parents=True)
        lines = [dict(loss=1., time=0.1, epoch=1, iter=5),
                 {'accuracy/top1': 90., 'step': 3}, {'accuracy/top1': last, 'step': 6}]
        (folder / '20260101_000000/vis_data/scalars.json').write_text(''.join(json.dumps(line) + '\n' for line in lines))
    row = SCRIPT['describe']('xs-coarse-fine', folders)
    assert (row['top1'], row['epochs']) == ([40.13, 50.], 6)
    assert (row['params'], row['macs']) == (1_813_333, 66_448_840) and json.loads(json.dumps(row)) == row
    assert get_architecture(row['arch']) == ARCHITECTURES['xs']
