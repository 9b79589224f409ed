import re

import pytest
from facts import assert_facts, find_line

from mmmux.datasets.drawn_shapes import draw_data_set

FIT = 'analysis_tools/fit_anchors.py'
SHAPES = 'ssdlite/ssdlite_muxnet-m_1xb16-25e_shapes-160.py'


@pytest.fixture
def data(tmp_path):
    return draw_data_set(tmp_path / 'data', train=8, test=1, size=96)


@pytest.mark.slow
def test_proposes_a_snippet_that_is_a_config(tool, configs, data, tmp_path):
    from mmengine.config import Config
    # Anchors far too large for pictures of 96 pixels.
    generator = 'model.bbox_head.anchor_generator'
    sizes = [f'{generator}.min_sizes="[70,80,90,95]"', f'{generator}.max_sizes="[80,90,95,96]"']
    out = tool(FIT, configs / SHAPES, '--plot', tmp_path / 'plots/anchors.png', '--write', tmp_path / 'mine/fitted.py',
               '--cfg-options', f'train_dataloader.dataset.data_root={data}', *sizes)
    before, after = (float(number) for number in re.findall(r'mean best overlap (\S+);', out))
    assert after > before + 0.1
    unmatched = [float(share) for share in re.findall(r'^circle\s+\d+\s+(\S+)%', out, re.MULTILINE)]
    assert len(unmatched) == 2 and unmatched[1] <= unmatched[0]
    assert (tmp_path / 'plots/anchors.png').stat().st_size > 1000

    snippet = tmp_path / 'fitted.py'
    snippet.write_text(f"_base_ = '{configs / SHAPES}'\n" + out[out.index('model = dict('):out.index('drawn:')])
    generator = Config.fromfile(snippet).model.bbox_head.anchor_generator
    assert len(generator.min_sizes) == len(generator.max_sizes) == len(generator.strides) == 4 and generator.min_sizes[0] < 40
    # The written config is the snippet's, and all else is inherited.
    written, expected = Config.fromfile(tmp_path / 'mine/fitted.py'), Config.fromfile(snippet)
    assert written.model == expected.model and written.train_dataloader == expected.train_dataloader


def test_the_config_itself_is_not_overwritten(fails, configs, data, tmp_path):
    config = tmp_path / 'mine.py'
    config.write_text(f"_base_ = '{configs / SHAPES}'\n")
    before = config.read_text()
    for path in (config, tmp_path / 'mine.txt'):
        sentence = fails(FIT, config, '--plot', tmp_path / 'anchors.png', '--write', path, '--max-pictures', 1, '--cfg-options',
                         f'train_dataloader.dataset.data_root={data}')
        assert_facts(sentence, path, '--write')
    assert config.read_text() == before and not (tmp_path / 'mine.txt').exists()


def test_missing_data(fails, configs, tmp_path):
    sentence = fails(FIT, configs / SHAPES, '--cfg-options', f'train_dataloader.dataset.data_root={tmp_path / "nowhere"}')
    assert_facts(sentence, 'train_dataloader.dataset.data_root', tmp_path / 'nowhere')


@pytest.mark.parametrize('model', ["dict(type='SSD')", "dict(type='ATSS', bbox_head=dict(anchor_generator=dict(type='A')))"])
def test_models_without_fitting_anchors(fails, tmp_path, model):
    (tmp_path / 'config.py').write_text(f'model = {model}')
    assert_facts(fails(FIT, tmp_path / 'config.py'), tmp_path / 'config.py', 'model.bbox_head.anchor_generator',
                 'model.train_cfg.assigner.pos_iou_thr')


@pytest.mark.slow
@pytest.mark.parametrize('strides,told', [([8, 16, 32, 64], False), ([8, 16, 32, 107], True)])
def test_strides_are_compared_with_the_real_feature_maps(tool, configs, data, tmp_path, strides, told):
    """The detector has 12, 6, 3 and 2 cells along 96 pixels."""
    out = tool(FIT, configs / SHAPES, '--plot', tmp_path / 'anchors.png', '--cfg-options',
               f'train_dataloader.dataset.data_root={data}',
               f'model.bbox_head.anchor_generator.strides={str(strides).replace(" ", "")}')
    assert ('strides=[8, 16, 32, 48],' in out[out.index('model = dict('):]) == told
    if told:
        find_line(out, '96 x 96', 'level 3', '2 x 2', '107', 'model.bbox_head.anchor_generator.strides=[8,16,32,48]')


def test_another_number_of_levels(fails, configs, data, tmp_path):
    generator = 'model.bbox_head.anchor_generator'
    sentence = fails(FIT, configs / SHAPES, '--plot', tmp_path / 'anchors.png', '--cfg-options',
                     f'train_dataloader.dataset.data_root={data}', 'model.backbone.out_indices=[2,4]',
                     'model.neck.in_channels=[40,112]', 'model.neck.out_channels=[40,112,256]')
    assert_facts(sentence, f'{generator}.strides', '4', '3')
