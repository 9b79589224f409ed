import json

import pytest
from facts import assert_facts

COUNT = 'analysis_tools/get_complexity.py'
VOC = 'ssdlite/ssdlite_muxnet-m_1xb32-200e_voc0712-320.py'


def test_json(tool, configs):
    found = json.loads(tool(COUNT, configs / VOC, '--json'))
    assert found['shape'] == [320, 320] and found['parts']['total'] == dict(params=3_168_704, macs=509_492_224)


@pytest.mark.slow
def test_table_at_another_shape(tool, configs):
    """Half the height at every stride down to 32: half the work of the backbone."""
    lines = tool(COUNT, configs / VOC, '--shape', 160, 320).splitlines()[2:]
    rows = {name: numbers for name, *numbers in map(str.split, lines)}
    parts = json.loads(tool(COUNT, configs / VOC, '--json', '--shape', 320, 320))['parts']
    assert set(rows) == set(parts) and rows['total'][0] == '3,168,704'
    # All of it but SE's small linear layers, which cost the same at any size.
    assert int(rows['backbone'][1].replace(',', '')) == pytest.approx(parts['backbone']['macs'] / 2, rel=0.01)


def test_options_change_the_model(tool, configs):
    found = json.loads(tool(COUNT, configs / VOC, '--json', '--cfg-options', 'model.bbox_head.num_classes=3'))
    assert found['parts']['total']['params'] < 3_168_704


@pytest.mark.parametrize('options,facts', [
    (['model.backbone.arch=xxl'], ("'xxl'", 'm', 'l')),
    (['model.backbone.out_indices=(4,9)'], ('out_indices', 9)),
    (['modl.backbone.arch=l'], ("'modl'", "'model'")),
])
def test_one_sentence(fails, configs, options, facts):
    assert_facts(fails(COUNT, configs / VOC, '--cfg-options', *options), *facts)


def test_without_a_fixed_size(fails, tmp_path):
    (tmp_path / 'config.py').write_text("model = dict(type='mmmux.MUXNet')")
    assert_facts(fails(COUNT, tmp_path / 'config.py'), '--shape')


def test_an_inherited_config_is_built_by_the_package_it_names(tool, tmp_path):
    (tmp_path / 'mine.py').write_text("_base_ = 'mmmux::ssdlite/ssdlite_muxnet-m_1xb32-200e_voc0712-320.py'\n")
    assert 'total' in tool(COUNT, tmp_path / 'mine.py')
