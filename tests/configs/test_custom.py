"""In the configs to copy, the first lines reach everything that follows from them."""
import re
import shutil
from pathlib import Path

import pytest
from mmengine.config import Config

from mmmux.config import load_config
from mmmux.utils.errors import ConfigError

ROOT = Path(__file__).resolve().parents[2]
DETECTOR, SEGMENTOR, CLASSIFIER = (
    'ssdlite/ssdlite_muxnet-m_1xb16_custom.py', 'c1/c1_muxnet-m-d8_1xb4_custom.py', 'classification/muxnet-m_1xb32_custom.py')
LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')
CLASSES = ('Zelle', 'dot', 'ring')


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return shutil.copytree(ROOT / 'configs', tmp_path_factory.mktemp('repository') / 'configs')


@pytest.fixture
def changed(folder):
    """A copy of a template beside itself, with some of its first lines changed; loaded as OpenMMLab's tools do."""
    def load(template: str, **lines) -> Config:
        text = (folder / template).read_text()
        for name, value in lines.items():
            text, times = re.subn(rf'^{name} = .*$', lambda _: f'{name} = {value}', text, flags=re.M)  # noqa: B023
            assert times == 1, name
        path = (folder / template).with_name('mine.py')
        path.write_text(text)
        return Config.fromfile(path)

    return load


def found(node, wanted: str) -> list:
    """Every value of a key, at any depth."""
    if isinstance(node, dict):
        return [value for key, value in node.items() if key == wanted] + [
            inner for value in node.values() for inner in found(value, wanted)]
    return [inner for value in node for inner in found(value, wanted)] if isinstance(node, (list, tuple)) else []


@pytest.mark.parametrize('template', [DETECTOR, SEGMENTOR, CLASSIFIER])
def test_folder_and_classes(changed, template):
    cfg = changed(template, data_root="'elsewhere/deeper/'", classes=repr(CLASSES))
    for loader in LOADERS:
        dataset = cfg[loader].dataset
        assert dataset.data_root == 'elsewhere/deeper/' and dataset.metainfo.classes == CLASSES
    used = {key: cfg[key] for key in ('model', *LOADERS, 'val_evaluator', 'test_evaluator')}
    assert found(cfg.model, 'num_classes') and set(found(cfg.model, 'num_classes')) == {3}
    assert 'data/' not in str(used) and not {'palette', 'cat', 'dog'} & set(found(used, 'metainfo')[0])
    assert [dataset.get('test_mode', False) for dataset in (cfg[loader].dataset for loader in LOADERS)] == [False, True, True]


@pytest.mark.parametrize('template,unit', [(DETECTOR, 'max_epochs'), (SEGMENTOR, 'max_iters'), (CLASSIFIER, 'max_epochs')])
def test_length(changed, template, unit):
    cfg = changed(template, **{unit: 640})
    *_, last = cfg.param_scheduler
    assert cfg.train_cfg[unit] == last.end == 640 and last.get('T_max', 640) == 640


class TestDetector:

    def test_coco(self, changed):
        cfg = changed(DETECTOR, data_root="'d'", **{'train, val, test': "'a.json', 'b.json', 'c.json'"})
        assert [cfg[loader].dataset.type for loader in LOADERS] == ['mmmux.CocoDataset'] * 3
        assert [cfg[loader].dataset.ann_file for loader in LOADERS] == ['a.json', 'b.json', 'c.json']
        assert (cfg.val_evaluator.ann_file, cfg.test_evaluator.ann_file) == ('d/b.json', 'd/c.json')

    def test_voc(self, changed):
        cfg = changed(DETECTOR, annotations="'voc'", **{'train, val, test': "'a.txt', 'b.txt', 'c.txt'"})
        assert [cfg[loader].dataset.type for loader in LOADERS] == ['mmmux.VOCDataset'] * 3
        assert [cfg[loader].dataset.ann_file for loader in LOADERS] == ['a.txt', 'b.txt', 'c.txt']
        assert cfg.val_evaluator.type == cfg.test_evaluator.type == 'mmmux.VOCMetric'

    @pytest.mark.slow
    def test_voc_is_read(self, changed, voc):
        from mmengine.registry import DATASETS, init_default_scope
        for number in range(2):
            voc.add(f'picture{number}', ('ring', 11, 11, 41, 51), extension='.PNG')
        root = voc.root / 'VOC2007'
        cfg = changed(DETECTOR, annotations="'voc'", data_root=repr(f'{root}/'), classes=repr(CLASSES),
                      **{'train, val, test': "*['ImageSets/Main/trainval.txt'] * 3,"})
        init_default_scope('mmdet')
        for loader in LOADERS:
            dataset = DATASETS.build(cfg[loader].dataset)
            sample = dataset[0]['data_samples']
            assert len(dataset) == 2 and tuple(dataset.metainfo['classes']) == CLASSES
            assert set(sample.gt_instances.labels.tolist()) <= {2} and sample.img_shape == (320, 320)

    @pytest.mark.parametrize('size', [300, 320])
    def test_sizes_are_those_of_the_configs_for_voc(self, changed, configs, size):
        cfg = changed(DETECTOR, size=size)
        other = Config.fromfile(configs / f'ssdlite/ssdlite_muxnet-m_1xb32-200e_voc0712-{size}.py')
        anchors, others = (each.model.bbox_head.anchor_generator for each in (cfg, other))
        assert anchors == others
        pipelines = [cfg[loader].dataset.pipeline for loader in LOADERS] + [cfg.tta_pipeline]
        assert found(pipelines, 'scale') == [(size, size)] * 4

    @pytest.mark.parametrize('size', [224, 416, 512])
    def test_strides_of_other_sizes_are_those_of_the_feature_maps(self, changed, size):
        strides = changed(DETECTOR, size=size).model.bbox_head.anchor_generator.strides
        side, sides = size, []
        for _ in range(9):
            side = (side + 1) // 2  # a convolution of stride 2
            sides.append(side)
        assert [round(size / side) for side in sides[3:]] == strides

    def test_another_format_is_named(self, folder, changed):
        with pytest.raises(AssertionError):
            changed(DETECTOR, annotations="'yolo'")
        with pytest.raises(ConfigError, match="'yolo'"):
            load_config(folder / 'ssdlite/mine.py')


def test_sizes_of_the_segmentor(changed):
    cfg = changed(SEGMENTOR, size=96, picture_suffix="'.png'", zero_is_unlabelled=True)
    assert cfg.model.data_preprocessor.size == (96, 96) and cfg.model.data_preprocessor.size_divisor is None
    assert found(cfg.train_dataloader, 'crop_size') == [(96, 96)]
    shorter = [scale[1] for scale in found([cfg[loader] for loader in LOADERS], 'scale')]
    assert shorter == [96] * 3 and [scale[1] for scale in found(cfg.tta_pipeline, 'scale')] == [48, 72, 96, 120, 144, 168]
    assert all(cfg[loader].dataset.img_suffix == '.png' and cfg[loader].dataset.reduce_zero_label for loader in LOADERS)


def test_sizes_of_the_classifier(changed):
    cfg = changed(CLASSIFIER, size=112)
    assert cfg.train_dataloader.dataset.pipeline[1].scale == 112
    for pipeline in (cfg.val_dataloader.dataset.pipeline, cfg.test_dataloader.dataset.pipeline, cfg.tta_pipeline):
        assert (pipeline[1].scale, pipeline[2].crop_size) == (128, 112)
    assert cfg.val_evaluator.topk == cfg.test_evaluator.topk == (1, )  # two classes have no five best


@pytest.mark.parametrize('template', [DETECTOR, SEGMENTOR, CLASSIFIER])
def test_short(template):
    assert len((ROOT / 'configs' / template).read_text().splitlines()) < 40
