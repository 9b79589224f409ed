import runpy
import sys
from pathlib import Path

import numpy
import pytest
import torch
from facts import assert_facts, find_line, raises
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import load_checkpoint
from release_reference import needs_reference, recorded, relative_error, release_layout, weights_by_key

from mmmux.models import MUXNet
from mmmux.models.release import convert_release_checkpoint, whole_classifier
from mmmux.utils.errors import CheckpointError

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope='module')
def released():
    weights = {}
    for name in ('m', 'l'):
        weights[name] = {key: torch.full(shape, float(index)) for index, (key, shape) in enumerate(release_layout(name))}
    return weights


@pytest.mark.parametrize('name', ['m', 'l'])
def test_every_weight_is_converted_once(released, name):
    converted = convert_release_checkpoint(released[name], 'file.pth')
    state = converted['state_dict']
    assert converted['meta']['arch'] == name
    network = MUXNet(name, out_indices=(7, ))
    missing, unexpected = network.load_state_dict(state, strict=False)
    assert missing == [] and unexpected == ['classifier.weight', 'classifier.bias']
    assert sorted(value.flatten()[0].item() for value in state.values()) == list(range(len(state)))  # each weight once


@pytest.mark.parametrize('wrap', [
    lambda state: state,
    lambda state: {f'module.{key}': value for key, value in state.items()},
    lambda state: dict(state_dict=state, epoch=3, arch='muxnet_m'),
    lambda state: dict(state_dict={f'module.{key}': value for key, value in state.items()}, state_dict_ema=None),
    lambda state: dict(state_dict={key: value - 1 for key, value in state.items()}, state_dict_ema=state),
], ids=['bare', 'module', 'state_dict', 'module in state_dict', 'state_dict_ema'])
def test_every_container_of_the_release_is_read(released, wrap):
    plain = convert_release_checkpoint(released['m'], 'file.pth')['state_dict']
    wrapped = convert_release_checkpoint(wrap(released['m']), 'file.pth')['state_dict']
    assert plain.keys() == wrapped.keys() and all(torch.equal(plain[key], wrapped[key]) for key in plain)


def without(state, key):
    return {name: value for name, value in state.items() if name != key}


@pytest.mark.parametrize(('spoil', 'parts'), [
    (lambda state: without(state, 'blocks.3.0.conv_pw.weight'), ["'stages.1.2.block.expand.weight'"]),
    (lambda state: dict(state, **{'conv_head.weight': torch.zeros(1280, 199, 1, 1)}),
     ["'stages.7.0.weight'", '1280x199x1x1', '1280x200x1x1']),
    (lambda state: dict(state, **{'blocks.99.0.conv_pw.weight': torch.zeros(1)}), ["'blocks.99.0.conv_pw.weight'"]),
    (lambda state: dict(state, **{'conv_stem.bias': torch.zeros(24)}), ["'conv_stem.bias'"]),
    (lambda state: dict(state, **{'blocks.4.0.conv_dw.weight': torch.zeros(96, 1, 3, 3)}), ["'blocks.4.0.conv_dw.weight'"]),
    (lambda state: {'conv1.weight': torch.zeros(64, 3, 7, 7)}, ["'conv1.weight'", "'stem.0.weight'"]),
    (lambda state: dict(state, epoch=3), ["'state_dict_ema' or 'state_dict'"]),
    (lambda state: {0: torch.zeros(1)}, ["'state_dict_ema' or 'state_dict'"]),
    (lambda state: {}, ["'state_dict_ema' or 'state_dict'"]),
    (lambda state: [1, 2], ["'state_dict_ema' or 'state_dict'"]),
    (lambda state: dict(state_dict={}), ["'state_dict_ema' or 'state_dict'"]),
], ids=['missing', 'shape', 'unknown block', 'unknown leaf', 'unmixed kernel', 'another model', 'not only weights',
        'keys that are no names', 'empty', 'a list', 'empty state_dict'])
def test_a_file_that_is_not_the_release_is_refused(released, spoil, parts):
    with raises(CheckpointError, 'file.pth', *parts):
        convert_release_checkpoint(spoil(released['m']), 'file.pth')


@pytest.fixture
def convert(monkeypatch, capsys, tmp_path):
    """Run tools/model_converters/convert_release_checkpoint.py on weights; return the written file and the printed text."""
    def run(weights, *options) -> tuple[Path, str]:
        source, written = tmp_path / 'release.pth', tmp_path / 'converted.pth'
        torch.save(weights, source)
        monkeypatch.setattr(sys, 'argv', ['convert_release_checkpoint.py', str(source), str(written), *options])
        runpy.run_path(str(ROOT / 'tools/model_converters/convert_release_checkpoint.py'), run_name='__main__')
        return written, capsys.readouterr().out

    return run


class TestWholeClassifier:

    @pytest.mark.parametrize('name', ['m', 'l'])
    def test_every_weight_is_converted_once(self, released, name):
        converted = whole_classifier(convert_release_checkpoint(released[name], 'file.pth'), 'file.pth')
        state = converted['state_dict']
        network = torch.nn.ModuleDict(dict(
            backbone=MUXNet(name, out_indices=(7, )),
            head=torch.nn.ModuleDict(dict(fc=torch.nn.Linear({'m': 1280, 'l': 1536}[name], 1000)))))
        network.load_state_dict(state)  # strict
        assert sorted(value.flatten()[0].item() for value in state.values()) == list(range(len(state)))  # each weight once
        assert (network.head.fc.weight == len(state) - 2).all() and (network.head.fc.bias == len(state) - 1).all()
        assert (converted['meta']['arch'], converted['meta']['num_classes']) == (name, 1000)

    @pytest.mark.parametrize(('spoil', 'parts'), [
        (lambda state: without(state, 'classifier.bias'), ['classifier.weight', 'classifier.bias', '--classifier']),
        (lambda state: without(without(state, 'classifier.bias'), 'classifier.weight'),
         ['classifier.weight', 'classifier.bias', '--classifier']),
        (lambda state: dict(state, **{'classifier.weight': torch.zeros(1000, 1536)}), [1280, '(1000, 1536)', '--classifier']),
        (lambda state: dict(state, **{'classifier.weight': torch.zeros(1000, 1280, 1, 1)}), ['(1000, 1280, 1, 1)']),
        (lambda state: dict(state, **{'classifier.bias': torch.zeros(10)}), ['(1000, 1280)', '(10,)']),
    ], ids=['no bias', 'no classifier', 'width', 'convolution', 'bias of another length'])
    def test_without_a_linear_classifier(self, convert, released, capsys, tmp_path, spoil, parts):
        with pytest.raises(SystemExit) as ended:
            convert(spoil(released['m']), '--classifier')
        (sentence, ) = capsys.readouterr().err.splitlines()
        assert ended.value.code == 2 and sentence.startswith('error: ') and not (tmp_path / 'converted.pth').exists()
        assert_facts(sentence, 'release.pth', *parts)

    def test_prints_the_command_that_tests_it(self, convert, released):
        written, printed = convert(released['l'], '--classifier')
        *_, command = printed.splitlines()
        python, tool, config, file = command.split()
        assert (python, file) == ('python', str(written)) and (ROOT / tool).is_file() and (ROOT / config).is_file()
        assert 'muxnet-l' in config

    def test_prints_the_number_of_other_classes(self, convert, released):
        ten = dict(released['m'], **{'classifier.weight': torch.zeros(10, 1280), 'classifier.bias': torch.zeros(10)})
        _, printed = convert(ten, '--classifier')
        find_line(printed, 'model.head.num_classes=10')
        assert 'imagenet' not in printed

    def test_without_the_option_the_tool_writes_a_backbone(self, convert, released):
        file, printed = convert(released['m'])
        network = MUXNet('m', out_indices=(4, ), init_cfg=dict(type='Pretrained', checkpoint=str(file)))
        network.init_weights()
        assert (network.stages[0][0].conv.weight == 6).all()
        find_line(printed, "arch='m'", f"init_cfg=dict(type='Pretrained', checkpoint='{file}')")


class TestInMMPretrain:

    @pytest.fixture
    def classifier(self):
        pytest.importorskip('mmpretrain')
        from mmpretrain.registry import MODELS

        def build(arch: str, **head):
            cfg = Config.fromfile(ROOT / f'configs/classification/muxnet-{arch}_8xb96-450e_imagenet-224.py').model
            cfg.head.update(head)
            init_default_scope('mmpretrain')
            return MODELS.build(cfg)

        return build

    @needs_reference
    @pytest.mark.parametrize('arch', ['m', 'l'])
    def test_logits_are_the_recorded_ones(self, convert, classifier, arch):
        """The recorded input is normalised already: it goes to the network, not to the preprocessor."""
        _, arrays = recorded(f'muxnet_{arch}')
        file, _ = convert(weights_by_key(release_layout(arch)), '--classifier')
        model = classifier(arch).eval()
        load_checkpoint(model, str(file), strict=True)
        x = numpy.random.default_rng(0).standard_normal((2, 3, 64, 96)).astype(numpy.float32)
        with torch.no_grad():
            logits = model(torch.from_numpy(x), mode='tensor')
        assert relative_error(logits, arrays['logits']) < 1e-5
