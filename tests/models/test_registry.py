"""MUXNet can be built from every OpenMMLab scope, with few packages, and in the packages' own configs."""
import importlib
import json

import pytest
import torch
from mmengine.hub import get_config
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData, PixelData

import mmmux


@pytest.mark.parametrize('package', ['mmengine', 'mmcv', 'mmdet', 'mmseg', 'mmpretrain', 'mmmux'])
def test_bare_name_is_found_from_every_scope(package):
    name = 'mmengine' if package == 'mmcv' else package  # mmcv registers its models in mmengine's registry
    pytest.importorskip(name)
    registry = importlib.import_module(f'{name}.registry').MODELS
    network = registry.build(dict(type='MUXNet', arch='m', out_indices=(0, ), _scope_=package))
    assert type(network) is mmmux.models.MUXNet and network.out_indices == (0, )


@pytest.mark.slow
@pytest.mark.parametrize('scope_package', [
    'mmengine', *(pytest.param(name, marks=pytest.mark.nightly) for name in ('mmdet', 'mmseg', 'mmpretrain'))])
def test_full_name_needs_no_import(fresh_python, scope_package):
    pytest.importorskip(scope_package)
    printed = fresh_python(
        'import sys\n'
        f'from {scope_package}.registry import MODELS\n'
        "assert 'mmmux' not in sys.modules\n"
        "network = MODELS.build(dict(type='mmmux.MUXNet', arch='m', out_indices=(0, )))\n"
        'print(type(network).__module__)')
    assert printed.splitlines()[-1] == 'mmmux.models.backbones.muxnet'


@pytest.mark.slow
def test_import_brings_none_of_the_task_packages(fresh_python):
    loaded = json.loads(fresh_python('import sys, json, mmmux, mmmux.models; print(json.dumps(list(sys.modules)))'))
    assert 'mmmux.models.backbones.muxnet' in loaded
    assert not {'mmdet', 'mmseg', 'mmpretrain', 'mmcv._ext', 'mmcv.ops'} & set(loaded)


# mmdet and mmpretrain import each other where both are installed, and mmseg imports mmdet.
@pytest.mark.slow
@pytest.mark.parametrize('package,config', [
    ('mmdet', 'ssdlite/ssdlite_muxnet-m_1xb16-25e_shapes-160.py'),
    pytest.param('mmpretrain', 'classification/muxnet-m_1xb96-50e_cifar100-224.py', marks=pytest.mark.nightly),
])
def test_detection_and_classification_do_not_import_mmseg(fresh_python, configs, package, config):
    pytest.importorskip(package)
    loaded = json.loads(fresh_python(
        'import sys, json\n'
        'from mmengine.registry import DATASETS, HOOKS, METRICS, MODELS, init_default_scope\n'
        'from mmmux.config.load import load_config\n'
        'from mmmux.tasks import task_of\n'
        f'cfg = load_config({str(configs / config)!r})\n'
        'init_default_scope(cfg.default_scope)\n'
        'task_of(cfg).layouts()\n'
        'MODELS.build(cfg.model)\n'
        'DATASETS.build(dict(cfg.test_dataloader.dataset, lazy_init=True))\n'
        'METRICS.build(cfg.test_evaluator)\n'
        'for hook in cfg.custom_hooks: HOOKS.build(hook)\n'
        'print(json.dumps([*sys.modules]))').splitlines()[-1])
    assert any(name.startswith('mmmux.datasets.') for name in loaded) and 'mmseg' not in loaded


@pytest.mark.slow
def test_works_with_mmcv_lite_and_no_task_package(fresh_python):
    printed = fresh_python(
        'import sys\n'
        "for name in ('mmdet', 'mmseg', 'mmpretrain', 'mmcv._ext'):\n"
        '    sys.modules[name] = None\n'
        'import torch\n'
        'from mmengine.registry import MODELS\n'
        "network = MODELS.build(dict(type='mmmux.MUXNet', arch='m', out_indices=(0, )))\n"
        'from mmmux.models import MUXNet\n'
        'assert type(network) is MUXNet\n'
        'print(tuple(network(torch.rand(1, 3, 32, 32))[0].shape))')
    assert printed == '(1, 24, 16, 16)'


def test_plugs_into_mmdets_stock_retinanet():
    pytest.importorskip('mmdet')  # otherwise `get_config` would install the missing package
    config = get_config('mmdet::retinanet/retinanet_r50_fpn_1x_coco.py')
    config.model.backbone = dict(type='MUXNet', arch='m', out_indices=(1, 2, 4, 6))
    config.model.neck.in_channels = [24, 40, 112, 200]
    init_default_scope('mmdet')
    from mmdet.registry import MODELS
    from mmdet.structures import DetDataSample
    detector = MODELS.build(config.model)
    detector.init_weights()
    sample = DetDataSample(metainfo=dict(img_shape=(64, 96), ori_shape=(64, 96), scale_factor=(1., 1.), pad_shape=(64, 96)))
    sample.gt_instances = InstanceData(bboxes=torch.tensor([[8., 8., 40., 40.]]), labels=torch.tensor([3]))
    data = dict(inputs=[torch.randint(0, 256, (3, 64, 96), dtype=torch.uint8)], data_samples=[sample])
    losses = detector(**detector.data_preprocessor(data, True), mode='loss')
    total = sum(sum(value) for value in losses.values())
    total.backward()
    assert total.isfinite() and all(p.grad is not None for p in detector.backbone.parameters())
    result, = detector.eval().test_step(data)
    assert result.pred_instances.bboxes.shape[1] == 4 and result.pred_instances.scores.isfinite().all()


def test_plugs_into_mmsegs_stock_fcn():
    pytest.importorskip('mmseg')
    config = get_config('mmseg::fcn/fcn_r50-d8_4xb4-80k_ade20k-512x512.py')
    config.model.backbone = dict(type='MUXNet', arch='m', out_indices=(1, 2, 4, 6))
    config.model.pretrained = None  # the weights of the ResNet that was there
    config.model.decode_head.update(in_channels=200, channels=64)
    config.model.auxiliary_head.update(in_channels=112, channels=64)
    for head in (config.model.decode_head, config.model.auxiliary_head):
        head.norm_cfg = dict(type='BN')  # SyncBN does not train in one CPU process
    config.model.data_preprocessor.size = (64, 96)
    init_default_scope('mmseg')
    from mmseg.registry import MODELS
    from mmseg.structures import SegDataSample
    segmentor = MODELS.build(config.model)
    samples = []
    for _ in range(2):
        sample = SegDataSample(metainfo=dict(img_shape=(64, 96), ori_shape=(64, 96)))
        sample.gt_sem_seg = PixelData(data=torch.randint(0, 150, (1, 64, 96)))
        samples.append(sample)
    data = dict(inputs=list(torch.randint(0, 256, (2, 3, 64, 96), dtype=torch.uint8)), data_samples=samples)
    losses = segmentor(**segmentor.data_preprocessor(data, True), mode='loss')
    total = losses['decode.loss_ce'] + losses['aux.loss_ce']
    total.backward()
    assert total.isfinite() and all(p.grad is not None for p in segmentor.backbone.parameters())
    results = segmentor.eval().test_step(data)
    assert [tuple(result.pred_sem_seg.data.shape) for result in results] == [(1, 64, 96)] * 2
