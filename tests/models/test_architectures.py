import json

import pytest
import torch
from facts import raises
from mmengine.config import ConfigDict
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from mmmux.models import ARCHITECTURES, DS, IR, MUX, Architecture, MUXNet, get_architecture
from mmmux.models.architectures import as_table
from mmmux.models.layers.spatial_mux import SpatialMux
from mmmux.utils.errors import ConfigError


def classifier(arch, classes):
    backbone = MUXNet(arch, out_indices=(7, ))
    return backbone, nn.Linear(backbone.out_channels[0], classes)


@pytest.mark.parametrize(('arch', 'classes', 'parameters'), [
    ('m', 1000, 3_354_276), ('m', 10, 2_086_086), ('l', 1000, 4_041_178)])
def test_parameters(arch, classes, parameters):
    assert sum(p.numel() for module in classifier(arch, classes) for p in module.parameters()) == parameters


def multiply_adds(arch, size=224):
    """Count the multiply-adds of convolutions and linear layers with torch, for one picture and 1000 classes."""
    backbone, linear = (module.to('meta').eval() for module in classifier(arch, 1000))
    with FlopCounterMode(display=False) as counter:
        linear(backbone(torch.rand(1, 3, size, size, device='meta'))[0].mean((2, 3)))
    return counter.get_total_flops() // 2


@pytest.mark.parametrize(('arch', 'expected'), [('m', 216_808_112), ('l', 316_454_832)])
def test_multiply_adds_at_224(arch, expected):
    assert multiply_adds(arch) == expected


@pytest.mark.parametrize(('arch', 'millions', 'million_multiply_adds'), [('xs', 1.8, 66), ('s', 2.4, 117)])
class TestOurs:
    """The paper has the costs and the accuracy of xs and s, but not their rows."""

    def test_costs_what_the_paper_says(self, arch, millions, million_multiply_adds):
        parameters = sum(p.numel() for module in classifier(arch, 1000) for p in module.parameters())
        assert round(parameters / 1e6, 1) == millions
        assert multiply_adds(arch) / 1e6 == pytest.approx(million_multiply_adds, abs=1)

    def test_has_the_familys_shape(self, arch, millions, million_multiply_adds):
        """Stages, kinds, kernels and strides of m's blocks, apart from how many MUX blocks follow."""
        def shape(name):
            return [list(dict.fromkeys((type(row), row.kernel_size, getattr(row, 'stride', 1), row.act) for row in stage))
                    for stage in ARCHITECTURES[name].stages]

        assert shape(arch) == shape('m') and len(shape(arch)) == 7
        table = ARCHITECTURES[arch]
        widths = [row.out_channels for stage in table.stages for row in stage if not isinstance(row, MUX)]
        assert all(width % 8 == 0 for width in (*widths, table.stem_channels, table.head_channels))

    def test_multiplexes_spatially_coarse_and_fine(self, arch, millions, million_multiply_adds):
        used = {scale for stage in ARCHITECTURES[arch].stages for row in stage for scale in row.scales or ()}
        assert used == {-1, 0, 1}
        network = MUXNet(arch, out_indices=(7, )).eval()
        scales = {scale for module in network.modules() if isinstance(module, SpatialMux) for scale in module.scales}
        assert scales == {-1, 0, 1}


def plain_kinds(value):
    """The kinds of everything inside a table."""
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return {type(value)}.union(*map(plain_kinds, inside))


@pytest.mark.parametrize('wrap', [dict, ConfigDict, lambda table: json.loads(json.dumps(table))],
                         ids=['dict', 'config', 'json'])
@pytest.mark.parametrize('name', ARCHITECTURES)
def test_a_table_of_dicts_is_the_same_table(name, wrap):
    written = as_table(ARCHITECTURES[name])
    assert get_architecture(wrap(written)) == ARCHITECTURES[name]
    assert as_table(get_architecture(wrap(written))) == written
    assert plain_kinds(written) <= {dict, list, int, float, str, type(None)}


def test_a_table_holds_every_option_away_from_its_default():
    arch = Architecture(
        head_channels=40, drop_path_rate=0.3, stem_channels=8,
        stages=((DS(8, (3, 5), 2, 0.5, 'ReLU', (0, 1)), ),
                (IR(16, (5, 3), 2, 3.5, 0.125, 'ReLU', (-1, )), MUX((3, 5), 2, 0.5, 'ReLU', 0.25, 4, (-1, 0)))))
    assert as_table(arch) == dict(
        head_channels=40, drop_path_rate=0.3, stem_channels=8,
        stages=[[dict(type='DS', out_channels=8, kernel_size=[3, 5], stride=2, se_ratio=0.5, act='ReLU', scales=[0, 1])],
                [dict(type='IR', out_channels=16, kernel_size=[5, 3], stride=2, expand_ratio=3.5, se_ratio=0.125, act='ReLU',
                      scales=[-1]),
                 dict(type='MUX', kernel_size=[3, 5], expand_ratio=2, se_ratio=0.5, act='ReLU', split_ratio=0.25,
                      shuffle_groups=4, scales=[-1, 0])]])
    assert get_architecture(as_table(arch)) == arch


def test_rows_and_dicts_may_be_mixed():
    table = dict(head_channels=32, stages=[(DS(24), dict(type='IR', out_channels=16, kernel_size=[3, 5])), [MUX()]])
    assert get_architecture(table).stages == ((DS(24), IR(16, (3, 5))), (MUX(), ))


def table(*rows, **options):
    return dict(dict(head_channels=32, stages=[list(rows)]), **options)


@pytest.mark.parametrize(('arch', 'parts'), [
    ('xxl', ["arch 'xxl'", "'xs', 's', 'm', 'l'"]),
    (5, ["'xs', 's', 'm', 'l'", 'got 5']),
    (dict(head_channels=8), ["'stages'", 'list', 'got ()']),
    (dict(head_channels=8, stages=[]), ["'stages'", 'list', 'got []']),
    (dict(head_channels=8, stages=[[]]), ['stages', 'at least one row', 'got ((),)']),
    (dict(head_channels=8, stages=[dict(type='MUX')]), ["'stages'", 'list', "got [{'type': 'MUX'}]"]),
    (dict(head_channels=8, stages=[DS(24)]), ["'stages'", 'list', 'DS(out_channels=24']),
    (dict(head_channels=8, stages=3), ["'stages'", 'list', 'got 3']),
    (dict(stages=[[DS(24)]]), ['arch', "'head_channels'", "got 'stages'"]),
    (table(DS(24), widht=3), ["'widht'", "'head_channels'", "'stem_channels'"]),
    (table(DS(24), drop_path_rate=1), ['drop_path_rate', 'below 1', 'got 1']),
    (table('DS'), ['row 0 of stage 0', "'DS', 'IR', 'MUX'", "got 'DS'"]),
    (table(dict(out_channels=24)), ['row 0 of stage 0', 'type None', "'DS', 'IR', 'MUX'"]),
    (table(DS(24), dict(type='Conv', out_channels=24)), ['row 1 of stage 0', "type 'Conv'"]),
    (table(dict(type='IR', out_channels=24, expand=6)), ['row 0 of stage 0 (IR)', "'expand'", "'expand_ratio'"]),
    (table(dict(type='MUX', out_channels=24)), ["'out_channels'", "'split_ratio'"]),
    (table(dict(type='IR')), ['row 0 of stage 0 (IR)', "'out_channels'"]),
    (table(dict(type='IR', stride=2)), ['row 0 of stage 0 (IR)', "'out_channels'", "got 'stride'"]),
])
def test_a_table_that_cannot_be_read_is_named(arch, parts):
    with raises(ConfigError, *parts):
        get_architecture(arch)


@pytest.mark.parametrize(('option', 'value'), [
    ('out_channels', 0), ('out_channels', '24'), ('out_channels', 24.), ('kernel_size', 4), ('kernel_size', [3, 4]),
    ('kernel_size', []), ('kernel_size', '3'), ('kernel_size', -3), ('stride', 0), ('stride', 3), ('expand_ratio', 0),
    ('expand_ratio', 'six'), ('se_ratio', -0.25), ('act', 'Mish'), ('act', ['ReLU']), ('scales', []), ('scales', 1),
    ('scales', [0, 2]),
])
def test_a_row_says_which_value_it_cannot_use(option, value):
    row = dict(dict(type='IR', out_channels=24), **{option: value})
    shown = repr(tuple(value) if isinstance(value, list) else value)
    with raises(ConfigError, 'row 1 of stage 0 (IR)', option, f'got {shown}'):
        MUXNet(table(DS(24), row), out_indices=(0, ))


@pytest.mark.parametrize('options', [
    dict(split_ratio=0), dict(split_ratio=1.5), dict(split_ratio='half'), dict(shuffle_groups=0), dict(kernel_size=2)])
def test_a_mux_row_says_which_value_it_cannot_use(options):
    (option, value), = options.items()
    with raises(ConfigError, option, 'MUX', f'got {value!r}'):
        MUX(**options)


def test_an_architecture_made_in_code_is_checked_too():
    with raises(ConfigError, 'stages', 'Architecture', 'got ()'):
        Architecture(stages=(), head_channels=8)
    with raises(ConfigError, 'stages', 'Architecture', "got (('DS',),)"):
        Architecture(stages=(('DS', ), ), head_channels=8)
