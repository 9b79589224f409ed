import dataclasses
import re

import pytest
import torch
from mmengine.config import ConfigDict
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from mmmux.errors import ConfigError
from mmmux.models import ARCHITECTURES, DS, IR, MUX, Architecture, MUXNet, get_architecture


def classifier(arch, classes):
    backbone = MUXNet(arch, out_indices=(7, ))
    return backbone, nn.Linear(backbone.out_channels[0], classes)


@pytest.mark.parametrize(('arch', 'classes', 'parameters'), [
    ('m', 1000, 3_354_276), ('m', 10, 2_086_086), ('l', 1000, 4_041_178)])
def test_parameters(arch, classes, parameters):
    assert sum(p.numel() for module in classifier(arch, classes) for p in module.parameters()) == parameters


@pytest.mark.parametrize(('arch', 'multiply_adds'), [('m', 216_808_112), ('l', 316_454_832)])
def test_multiply_adds_at_224(arch, multiply_adds):
    backbone, linear = (module.to('meta').eval() for module in classifier(arch, 1000))
    with FlopCounterMode(display=False) as counter:
        linear(backbone(torch.rand(1, 3, 224, 224, device='meta'))[0].mean((2, 3)))
    assert counter.get_total_flops() == 2 * multiply_adds


def as_dicts(arch):
    """An architecture as a user would write it in a config: lists and dicts only."""
    def plain(value):
        return list(value) if isinstance(value, tuple) else value

    rows = [[dict({field.name: plain(getattr(row, field.name)) for field in dataclasses.fields(row)},
                  type=type(row).__name__) for row in stage] for stage in arch.stages]
    return dict(stages=rows, head_channels=arch.head_channels, drop_path_rate=arch.drop_path_rate)


@pytest.mark.parametrize('wrap', [dict, ConfigDict])
@pytest.mark.parametrize('name', ['m', 'l'])
def test_a_table_of_dicts_is_the_same_table(name, wrap):
    assert get_architecture(wrap(as_dicts(ARCHITECTURES[name]))) == ARCHITECTURES[name]


def test_a_table_of_dicts_is_the_same_network():
    named, tabled = MUXNet('m').eval(), MUXNet(as_dicts(ARCHITECTURES['m'])).eval()
    tabled.load_state_dict(named.state_dict())
    x = torch.rand(1, 3, 32, 32)
    assert all(torch.equal(one, other) for one, other in zip(named(x), tabled(x)))


def test_rows_and_dicts_may_be_mixed():
    table = dict(head_channels=32, stages=[(DS(24), dict(type='IR', out_channels=16, kernel_size=[3, 5])), [MUX()]])
    assert get_architecture(table).stages == ((DS(24), IR(16, (3, 5))), (MUX(), ))


def table(*rows, **options):
    return dict(dict(head_channels=32, stages=[list(rows)]), **options)


@pytest.mark.parametrize(('arch', 'parts'), [
    ('xxl', ["arch 'xxl'", "'m', 'l'"]),
    (5, ["'m', 'l'", 'got 5']),
    (dict(head_channels=8), ["needs 'stages'"]),
    (dict(head_channels=8, stages=[]), ["needs 'stages'"]),
    (dict(head_channels=8, stages=[[]]), ['at least one row']),
    (dict(head_channels=8, stages=[dict(type='MUX')]), ['a list of stages, each a list']),
    (dict(head_channels=8, stages=[DS(24)]), ['a list of stages, each a list']),
    (dict(head_channels=8, stages=3), ['a list of stages']),
    (dict(stages=[[DS(24)]]), ['arch', 'head_channels']),
    (table(DS(24), widht=3), ["'widht'", "'head_channels'", "'stem_channels'"]),
    (table(DS(24), drop_path_rate=1), ['drop_path_rate', 'below 1', 'got 1']),
    (table('DS'), ['row 0 of stage 0', "'DS', 'IR', 'MUX'", "got 'DS'"]),
    (table(dict(out_channels=24)), ['row 0 of stage 0', 'type None', "'DS', 'IR', 'MUX'"]),
    (table(DS(24), dict(type='Conv', out_channels=24)), ['row 1 of stage 0', "type 'Conv'"]),
    (table(dict(type='IR', out_channels=24, expand=6)), ['row 0 of stage 0 (IR)', "'expand'", "'expand_ratio'"]),
    (table(dict(type='MUX', out_channels=24)), ["'out_channels'", "'split_ratio'"]),
    (table(dict(type='IR')), ['row 0 of stage 0 (IR)', 'out_channels']),
])
def test_a_table_that_cannot_be_read_is_named(arch, parts):
    with pytest.raises(ConfigError) as caught:
        get_architecture(arch)
    assert all(part in str(caught.value) for part in parts), str(caught.value)
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize(('option', 'value'), [
    ('out_channels', 0), ('out_channels', '24'), ('out_channels', 24.), ('kernel_size', 4), ('kernel_size', [3, 4]),
    ('kernel_size', []), ('kernel_size', '3'), ('kernel_size', -3), ('stride', 0), ('stride', 3), ('expand_ratio', 0),
    ('expand_ratio', 'six'), ('se_ratio', -0.25), ('act', 'Mish'), ('act', ['ReLU']), ('scales', []), ('scales', 1),
    ('scales', [0, 2]),
])
def test_a_row_says_which_value_it_cannot_use(option, value):
    row = dict(dict(type='IR', out_channels=24), **{option: value})
    shown = repr(tuple(value) if isinstance(value, list) else value)
    with pytest.raises(ConfigError, match=rf'row 1 of stage 0 \(IR\).* {option} .*got {re.escape(shown)}$'):
        MUXNet(table(DS(24), row), out_indices=(0, ))


@pytest.mark.parametrize('options', [
    dict(split_ratio=0), dict(split_ratio=1.5), dict(split_ratio='half'), dict(shuffle_groups=0), dict(kernel_size=2)])
def test_a_mux_row_says_which_value_it_cannot_use(options):
    (option, value), = options.items()
    with pytest.raises(ConfigError, match=f'{option} .*got {value!r}'):
        MUX(**options)


def test_an_architecture_made_in_code_is_checked_too():
    with pytest.raises(ConfigError, match='stages of Architecture'):
        Architecture(stages=(), head_channels=8)
    with pytest.raises(ConfigError, match='stages of Architecture'):
        Architecture(stages=(('DS', ), ), head_channels=8)
