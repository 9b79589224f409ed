import pytest
import torch
from mmengine.hub import get_config
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData

pytest.importorskip('mmdet')


@pytest.fixture
def config():
    config = get_config('mmdet::ssd/ssdlite_mobilenetv2-scratch_8xb24-600e_coco.py').model
    config.backbone = dict(type='mmmux.MUXNet', arch='m', out_indices=(4, 7))
    config.neck.update(in_channels=(112, 1280), out_channels=(112, 1280, 512, 256, 256, 128))
    config.bbox_head.update(type='mmmux.SSDHead', in_channels=(112, 1280, 512, 256, 256, 128), num_classes=4)
    init_default_scope('mmdet')
    return config


@pytest.fixture
def data():
    from mmdet.structures import DetDataSample
    shape = (160, 160)
    sample = DetDataSample(metainfo=dict(img_shape=shape, ori_shape=shape, scale_factor=(1., 1.), pad_shape=shape))
    sample.gt_instances = InstanceData(bboxes=torch.tensor([[20., 20., 90., 100.]]), labels=torch.tensor([2]))
    return dict(inputs=[torch.randint(0, 256, (3, *shape), dtype=torch.uint8)] * 2, data_samples=[sample] * 2)


def test_same_weights_and_losses_as_mmdets(config, data):
    from mmdet.registry import MODELS
    ours, stock = MODELS.build(config), MODELS.build(dict(config, bbox_head=dict(config.bbox_head, type='mmdet.SSDHead')))
    stock.load_state_dict(ours.state_dict())  # strict: a checkpoint of either fits the other
    losses = [detector(**detector.data_preprocessor(data, True), mode='loss') for detector in (ours, stock)]
    for name in ('loss_cls', 'loss_bbox'):
        assert torch.allclose(sum(losses[0][name]), sum(losses[1][name]))
