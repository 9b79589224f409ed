"""Class lists that would give a permuted score, or a traceback after hours, are refused before any annotation is read."""
import copy

import pytest
from mmengine.config import Config
from mmengine.registry import init_default_scope

from mmmux.config import load_config
from mmmux.datasets.class_lists import check_classes, class_names, difference, full_palette, given_classes
from mmmux.utils.errors import ConfigError

LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')
BCCD = 'ssdlite/ssdlite_muxnet-m_1xb8-40e_bccd-320.py'
CAMVID = 'c1/c1_muxnet-m-d8_1xb4-1200it_camvid-192x256.py'
FOLDERS = 'classification/muxnet-xs_1xb128-25e_cifar10-folders-32.py'
NAMES = {BCCD: ('RBC', 'WBC', 'Platelets'), FOLDERS: (
    'airplane', 'automobile', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse', 'ship', 'truck')}


@pytest.fixture(autouse=True)
def _scope_is_restored():
    yield
    init_default_scope('mmengine')


def refusal(cfg: Config, *loaders: str) -> str:
    with pytest.raises(ConfigError) as error:
        check_classes(cfg, loaders or LOADERS)
    return str(error.value)


@pytest.mark.parametrize('config', [BCCD, CAMVID, FOLDERS, 'ssdlite/ssdlite_muxnet-m_1xb32-200e_voc0712-320.py',
                                    'ssdlite/ssdlite_muxnet-m_8xb24-600e_coco-320.py',
                                    'classification/muxnet-m_8xb96-450e_imagenet-224.py'])
def test_configs_that_fit_pass_without_their_data(configs, config):
    check_classes(load_config(configs / config), LOADERS)


@pytest.mark.parametrize('loader', ['val_dataloader', 'test_dataloader'])
@pytest.mark.parametrize('config', NAMES)
@pytest.mark.parametrize('change', [lambda names: names[::-1], lambda names: (*names[:-1], 'other'), lambda names: names[:-1],
                                    lambda names: (*names, 'one more')], ids=['order', 'name', 'fewer', 'more'])
def test_data_of_other_classes_is_refused_with_both_lists(configs, config, loader, change):
    cfg, names = load_config(configs / config), NAMES[config]
    cfg[loader] = copy.deepcopy(cfg[loader])
    cfg[loader].dataset.metainfo = dict(classes=change(names))
    sentence = refusal(cfg)
    assert ', '.join(names) in sentence and ', '.join(change(names)) in sentence
    assert f'{loader}.dataset' in sentence and 'train_dataloader.dataset' in sentence


@pytest.mark.parametrize('wrap', [lambda model: model, lambda model: dict(detector=model)])
def test_open_vocabularies_are_not_compared(wrap):
    model = dict(type='GroundingDINO', language_model=dict(type='BertModel'))
    cfg = Config(dict(default_scope='mmdet', model=wrap(model), **{
        f'{split}_dataloader': dict(dataset=dict(type='CocoDataset', metainfo=dict(classes=names)))
        for split, names in (('train', ('a', 'b')), ('val', ('c', )))}))
    check_classes(cfg, ('train_dataloader', 'val_dataloader'))
    cfg.model = dict(type='SSD')
    assert '(c)' in refusal(cfg, 'train_dataloader', 'val_dataloader')


def test_parts_of_concatenated_data_are_refused_with_both_lists_and_their_keys(configs):
    cfg = load_config(configs / BCCD)
    first = cfg.train_dataloader.dataset
    for kind in ('ConcatDataset', 'mmengine.ConcatDataset'):
        cfg.train_dataloader.dataset = dict(
            type='RepeatDataset', times=2, dataset=dict(type=kind, datasets=[
                first, dict(first, metainfo=dict(classes=('WBC', 'RBC', 'Platelets')))]))
        sentence = refusal(cfg, 'train_dataloader')
        assert 'train_dataloader.dataset.dataset.datasets.0' in sentence
        assert 'train_dataloader.dataset.dataset.datasets.1' in sentence
        assert 'RBC, WBC, Platelets' in sentence and 'WBC, RBC, Platelets' in sentence


@pytest.mark.parametrize('config,kind', [
    (BCCD, None), (BCCD, 'mmmux.CocoDataset'), (BCCD, 'CocoDataset'), (CAMVID, None), (CAMVID, 'BaseSegDataset'),
    (FOLDERS, None), (FOLDERS, 'CustomDataset')], ids=lambda value: str(value).rpartition('/')[2])
def test_a_name_given_twice(configs, config, kind):
    cfg = load_config(configs / config)
    dataset = cfg.train_dataloader.dataset
    if kind:
        for key in ('reduce_zero_label', 'data_prefix'):
            dataset.pop(key, None)
        dataset.type = kind
    dataset.metainfo = dict(classes=('cell', 'dot', 'cell'))
    sentence = refusal(cfg, 'train_dataloader')
    assert "'cell'" in sentence and "'dot'" not in sentence and '(cell, dot, cell)' in sentence


class TestPalette:
    SHORT = dict(classes=('a', 'b', 'c', 'd'), palette=[(1, 2, 3), (4, 5, 6)])

    @pytest.mark.parametrize('config', [BCCD, CAMVID])
    def test_that_is_inherited_is_said_once_and_replaced(self, configs, config, log):
        cfg = load_config(configs / config)
        for loader in LOADERS:
            cfg[loader].dataset.metainfo = copy.deepcopy(self.SHORT)
        check_classes(cfg, LOADERS)
        said, = [record.getMessage() for record in log.records if 'palette' in record.getMessage()]
        assert '(a, b, c, d)' in said and '[(1, 2, 3), (4, 5, 6)]' in said and 'train_dataloader.dataset.metainfo' in said
        from mmengine.registry import DATASETS
        built = DATASETS.build(dict(cfg.train_dataloader.dataset, lazy_init=True)).metainfo['palette']
        assert built is None or len(built) == 4

    @pytest.mark.parametrize('config,kind', [(BCCD, 'CocoDataset'), (CAMVID, 'BaseSegDataset')])
    def test_of_a_type_that_would_fail_with_it(self, configs, config, kind):
        cfg = load_config(configs / config)
        cfg.train_dataloader.dataset = dict(type=kind, metainfo=self.SHORT)
        sentence = refusal(cfg, 'train_dataloader')
        assert '(a, b, c, d)' in sentence and '[(1, 2, 3), (4, 5, 6)]' in sentence and 'train_dataloader' in sentence

    def test_of_the_type_itself(self, configs):
        """mmdet's COCO has 80 colours, and would fail in drawing the first of 81 classes."""
        cfg = Config(dict(default_scope='mmdet', train_dataloader=dict(dataset=dict(
            type='CocoDataset', metainfo=dict(classes=tuple(f'class {number}' for number in range(81)))))))
        sentence = refusal(cfg, 'train_dataloader')
        assert ' 80 colours' in sentence and '81 classes' in sentence
        cfg.train_dataloader.dataset.type = 'mmmux.CocoDataset'
        check_classes(cfg, ('train_dataloader', ))

    def test_of_a_checkpoint(self):
        palette = full_palette(self.SHORT)['palette']
        assert len(set(palette)) == 4 and all(0 <= value <= 255 for colour in palette for value in colour)
        fits = dict(classes=('a', ), palette=[(1, 2, 3), (4, 5, 6)])
        assert full_palette(fits) == fits and full_palette(dict(classes=('a', ))) == dict(classes=('a', ))


def test_a_file_of_classes(tmp_path):
    path = tmp_path / 'classes.txt'
    path.write_text('cat\n\n dog \n')
    assert given_classes(str(path), 'it') == ('cat', 'dog')
    path.write_text('cat\ndog\ncat\n')
    with pytest.raises(ConfigError, match="'cat'"):
        given_classes(str(path), 'it')


@pytest.mark.parametrize('metainfo,names', [
    (dict(classes=['a', 'b']), ('a', 'b')), (dict(CLASSES=('a', )), ('a', )), ([dict(classes=('a', )), dict()], ('a', )),
    (None, None), ({}, None), (dict(classes=None), None), ([], None), ('abc', None)])
def test_where_the_names_are(metainfo, names):
    assert class_names(metainfo) == names


def test_of_a_thousand_classes_the_first_difference_is_shown():
    names = [f'class {number}' for number in range(1000)]
    others = [*names[:700], 'another', *names[701:]]
    assert difference(names, 'one', names, 'two') is None
    sentence = difference(names, 'one', others, 'two')
    assert '700' in sentence and 'another' in sentence and 'class 700' in sentence and len(sentence) < 1500
