import pytest
import torch
from release_reference import release_layout

from mmmux.checkpoints.release import convert_release_checkpoint
from mmmux.errors import CheckpointError
from mmmux.models import MUXNet


@pytest.fixture(scope='module')
def released():
    weights = {}
    for name in ('m', 'l'):
        weights[name] = {key: torch.full(shape, float(index)) for index, (key, shape) in enumerate(release_layout(name))}
    return weights


@pytest.mark.parametrize('name', ['m', 'l'])
def test_everything_arrives_and_nothing_is_left(released, name):
    converted = convert_release_checkpoint(released[name], 'file.pth')
    state = converted['state_dict']
    assert converted['meta']['arch'] == name
    network = MUXNet(name, out_indices=(7, ))
    missing, unexpected = network.load_state_dict(state, strict=False)
    assert missing == [] and unexpected == ['classifier.weight', 'classifier.bias']
    assert sorted(value.flatten()[0].item() for value in state.values()) == list(range(len(state)))  # each weight once


def test_a_pretrained_backbone_loads_the_converted_file(released, tmp_path):
    file = tmp_path / 'muxnet_m.pth'
    torch.save(convert_release_checkpoint(released['m'], 'file.pth'), file)
    network = MUXNet('m', out_indices=(2, 4), init_cfg=dict(type='Pretrained', checkpoint=str(file)))
    network.init_weights()
    assert (network.stem[0].weight == 0).all()  # conv_stem.weight is the first key
    assert (network.stages[0][0].conv.weight == 6).all()


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
    (lambda state: without(state, 'blocks.3.0.conv_pw.weight'), ["missing, first 'stages.1.2.block.expand.weight'"]),
    (lambda state: dict(state, **{'conv_head.weight': torch.zeros(1280, 199, 1, 1)}),
     ["'stages.7.0.weight'", '1280x199x1x1 in the file', '1280x200x1x1 in the model']),
    (lambda state: dict(state, **{'blocks.99.0.conv_pw.weight': torch.zeros(1)}), ["'blocks.99.0.conv_pw.weight'"]),
    (lambda state: dict(state, **{'conv_stem.bias': torch.zeros(24)}), ["'conv_stem.bias'"]),
    (lambda state: dict(state, **{'blocks.4.0.conv_dw.weight': torch.zeros(96, 1, 3, 3)}), ["'blocks.4.0.conv_dw.weight'"]),
    (lambda state: {'conv1.weight': torch.zeros(64, 3, 7, 7)}, ["begins with 'conv1.weight'"]),
    (lambda state: dict(state, epoch=3), ['holds no state_dict', "'state_dict_ema' or 'state_dict'"]),
    (lambda state: {0: torch.zeros(1)}, ['holds no state_dict']),
    (lambda state: {}, ['holds no state_dict']),
    (lambda state: [1, 2], ['holds no state_dict']),
    (lambda state: dict(state_dict={}), ['holds no state_dict']),
], ids=['missing', 'shape', 'unknown block', 'unknown leaf', 'unmixed kernel', 'another model', 'not only weights',
        'keys that are no names', 'empty', 'a list', 'empty state_dict'])
def test_what_is_not_the_release_is_named(released, spoil, parts):
    with pytest.raises(CheckpointError) as caught:
        convert_release_checkpoint(spoil(released['m']), 'file.pth')
    message = str(caught.value)
    assert 'file.pth' in message and '\n' not in message
    assert all(part in message for part in parts), message
