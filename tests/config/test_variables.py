"""Options that change a variable of a config file change nothing, so they are refused with the keys that do it."""
import pytest

from mmmux.config import load_config
from mmmux.utils.errors import ConfigError

VOC = 'ssdlite/ssdlite_muxnet-m_1xb32-200e_voc0712-320.py'
BCCD = 'ssdlite/ssdlite_muxnet-m_1xb8-40e_bccd-320.py'
COCO = 'ssdlite/ssdlite_muxnet-m_8xb24-600e_coco-320.py'
CAMVID = 'c1/c1_muxnet-m-d8_1xb4-1200it_camvid-192x256.py'
SCENES = 'c1/c1_muxnet-m-d8_1xb8-300it_scenes-160x160.py'
IMAGENET = 'classification/muxnet-m_8xb96-450e_imagenet-224.py'


@pytest.fixture
def refusal(configs):
    def load(config: str, key: str, value) -> str:
        with pytest.raises(ConfigError) as error:
            load_config(configs / config, {key: value})
        return str(error.value)

    return load


@pytest.mark.parametrize('config,key,value,keys', [
    (BCCD, 'max_epochs', 80, ['train_cfg.max_epochs']),
    (CAMVID, 'max_iters', 40, ['train_cfg.max_iters']),
    (SCENES, 'max_iters', 40, ['train_cfg.max_iters']),
    (BCCD, 'data_root', 'data/mine/', [f'{loader}_dataloader.dataset.data_root' for loader in ('train', 'val', 'test')]),
    (COCO, 'data_root', 'data/mine/', [
        'train_dataloader.dataset.dataset.data_root', 'val_dataloader.dataset.data_root', 'test_dataloader.dataset.data_root',
        'val_evaluator.ann_file', 'test_evaluator.ann_file']),
    (BCCD, 'classes', ('a', 'b'), [f'{loader}_dataloader.dataset.metainfo.classes' for loader in ('train', 'val', 'test')]),
    (BCCD, 'classes.1', 'b', ['train_dataloader.dataset.metainfo.classes,']),  # a tuple, as a whole
    (CAMVID, 'metainfo.classes', ('a', 'b'), ['train_dataloader.dataset.metainfo.classes']),
    (CAMVID, 'crop_size', (96, 96), ['train_dataloader.dataset.pipeline.3.crop_size']),
    (CAMVID, 'train_pipeline.3.crop_size', (96, 96), ['train_dataloader.dataset.pipeline.3.crop_size']),
    (VOC, 'vis_backends', 'x', ['visualizer.vis_backends']),
    (VOC, 'vis_backends.0.type', 'TensorboardVisBackend', ['visualizer.vis_backends.0.type']),
    ('c1/c1_mobilenetv2-d8_1xb4-1200it_camvid-192x256.py', 'data_preprocessor.mean', [1, 2, 3], [
        'model.data_preprocessor.mean']),
    (IMAGENET, 'lr', 0.1, ['optim_wrapper.optimizer.lr']),
])
def test_the_keys_that_do_it_are_named(refusal, config, key, value, keys):
    sentence = refusal(config, key, value)
    assert f'{key}={value}' in sentence and all(key in sentence for key in keys)


@pytest.mark.parametrize('config,key,value,keys', [
    (BCCD, 'max_epochs', 80, ['train_cfg.max_epochs']),
    (CAMVID, 'train_pipeline.3.cat_max_ratio', 0.5, ['train_dataloader.dataset.pipeline.3.cat_max_ratio']),
    (VOC, 'vis_backends.0.type', 'TensorboardVisBackend', ['visualizer.vis_backends.0.type'])])
def test_what_is_named_does_it(configs, config, key, value, keys):
    cfg = load_config(configs / config, dict.fromkeys(keys, value))
    for key in keys:
        node = cfg
        for part in key.split('.'):
            node = node[int(part) if part.isdigit() else part]
        assert node == value


def test_a_variable_that_reached_nothing(refusal, configs, tmp_path):
    path = tmp_path / 'config.py'
    path.write_text(f"_base_ = '{configs / BCCD}'\nunused = 'nowhere'")
    assert 'unused=here' in refusal(path, 'unused', 'here')


def test_a_variable_that_own_code_may_read(configs, tmp_path, monkeypatch):
    (tmp_path / 'own_package.py').touch()
    monkeypatch.syspath_prepend(tmp_path)
    path = tmp_path / 'config.py'
    path.write_text("custom_imports = dict(imports=['own_package'])\nbudget = 3")
    assert load_config(path, {'budget': 4}).budget == 4


@pytest.mark.parametrize('key,value', [
    ('tta_pipeline.0.type', 'LoadImageFromFile'), ('tta_model.type', 'DetTTAModel'), ('load_from', 'a.pth'),
    ('work_dir', 'here'), ('custom_hooks.0.type', 'EMAHook'), ('task', 'Detection'), ('compile', True), ('sync_bn', 'torch')])
def test_what_is_read_is_accepted(configs, key, value):
    load_config(configs / VOC, {key: value})
