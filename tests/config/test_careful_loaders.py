"""Stock loading transforms of a config become those of this package where its programs build data sets."""
import copy

import pytest
from mmcv.transforms import LoadImageFromFile
from mmengine.config import Config
from mmengine.registry import TRANSFORMS, init_default_scope

from mmmux.config.careful_loaders import with_careful_loaders

STOCK = ('LoadImageFromFile', 'LoadAnnotations')


@pytest.fixture(autouse=True)
def _scope():
    yield
    init_default_scope('mmengine')


def types(node) -> list:
    """The types of all transforms that load, in order, also of those inside others."""
    if isinstance(node, dict):
        own = [node['type']] if 'Load' in str(node.get('type')) else []
        return own + [name for value in node.values() for name in types(value)]
    return [name for value in node for name in types(value)] if isinstance(node, (list, tuple)) else []


def careful(pipeline: list, scope: str = 'mmdet', kind: str = 'mmmux.VOCDataset') -> list:
    pytest.importorskip(scope)
    init_default_scope(scope)
    loader = dict(batch_size=1, dataset=dict(type=kind, pipeline=pipeline))
    before = copy.deepcopy(loader)
    changed = with_careful_loaders(loader)
    assert loader == before and changed['batch_size'] == 1
    return types(changed['dataset']['pipeline'])


@pytest.mark.parametrize('config', [
    'ssdlite/ssdlite_muxnet-m_1xb32-200e_voc0712-320.py', 'c1/c1_muxnet-m-d8_4xb4-160k_ade20k-512x512.py',
    'classification/muxnet-m_8xb96-450e_imagenet-224.py'])
@pytest.mark.parametrize('pipeline', ['test_pipeline', 'tta_pipeline'])
def test_all_stock_loaders_of_our_configs_become_ours(configs, config, pipeline):
    cfg = Config.fromfile(configs / config)
    pytest.importorskip(cfg.default_scope)
    init_default_scope(cfg.default_scope)
    assert set(types(cfg[pipeline])) <= set(STOCK)
    cfg.test_dataloader.dataset.pipeline = cfg[pipeline]
    found = types(with_careful_loaders(cfg.test_dataloader).dataset.pipeline)
    # mmdet's boxes come from the data set's own annotations, which it has checked.
    assert found == [*['mmmux.LoadImage'], *dict(mmdet=['LoadAnnotations'], mmseg=['mmmux.LoadLabelMap'], mmpretrain=[])[
        cfg.default_scope]]


def test_training_pipelines_skip_as_before(configs):
    cfg = Config.fromfile(configs / 'ssdlite/ssdlite_muxnet-m_1xb32-200e_voc0712-320.py')
    init_default_scope('mmdet')
    assert with_careful_loaders(cfg.train_dataloader) == cfg.train_dataloader


def test_arguments_stay(configs):
    init_default_scope('mmdet')
    step = dict(type='LoadImageFromFile', to_float32=True, backend_args=None)
    loader = with_careful_loaders(dict(dataset=dict(type='mmmux.VOCDataset', pipeline=[step])))
    assert loader['dataset']['pipeline'] == [dict(step, type='mmmux.LoadImage')]


@pytest.mark.parametrize('kind', ['LoadImageFromFile', 'mmdet.LoadImageFromFile', 'mmcv.transforms.LoadImageFromFile',
                                  LoadImageFromFile])
def test_every_name_of_mmcvs_transform_is_known(kind):
    expected = kind if kind == 'mmdet.LoadImageFromFile' else 'mmmux.LoadImage'  # mmengine finds none of that name there
    assert careful([dict(type=kind)]) == [expected]


def test_other_data_sets_and_transforms_keep_what_they_need():
    assert careful([dict(type='LoadImageFromFile'), dict(type='LoadAnnotations')], 'mmseg', 'ADE20KDataset') == [
        'mmmux.LoadImage', 'LoadAnnotations']  # a data set that does not tell its number of classes
    assert careful([dict(type='LoadImageFromFile', file_client_args=dict(backend='disk'))]) == ['LoadImageFromFile']
    for options in (dict(color_type='unchanged'), dict(imdecode_backend='tifffile')):  # formats that ours refuses
        assert careful([dict(type='LoadImageFromFile', **options)]) == ['LoadImageFromFile']
    assert careful([dict(type='LoadImageFromNDArray')]) == ['LoadImageFromNDArray']


def test_data_sets_inside_wrappers():
    init_default_scope('mmdet')
    inner = dict(type='mmmux.VOCDataset', pipeline=[dict(type='LoadImageFromFile')])
    for wrapped in (dict(type='RepeatDataset', times=2, dataset=inner), dict(type='ConcatDataset', datasets=[inner, inner])):
        assert set(types(with_careful_loaders(dict(dataset=wrapped)))) == {'mmmux.LoadImage'}


def test_a_transform_of_another_package_of_the_same_name_stays():
    from mmdet.registry import TRANSFORMS as MMDET

    class LoadImageFromFileToo(LoadImageFromFile):
        """As packages such as mmagic have their own."""

    MMDET.register_module(name='LoadImageFromFile', module=LoadImageFromFileToo)
    try:
        assert careful([dict(type='LoadImageFromFile')]) == ['LoadImageFromFile']
    finally:
        MMDET._module_dict.pop('LoadImageFromFile')
    assert TRANSFORMS.get('LoadImageFromFile') is LoadImageFromFile
