import pytest
import torch
import torch.nn.functional as F
from facts import raises
from mmengine.hub import get_config
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData

from mmmux.utils.errors import ConfigError

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


class TestBackground:
    """Pictures without objects, which `background_negatives` lets teach."""

    @pytest.fixture
    def empty(self):
        """A data sample of a picture without objects."""
        from mmdet.structures import DetDataSample
        shape = (160, 160)
        sample = DetDataSample(metainfo=dict(img_shape=shape, ori_shape=shape, scale_factor=(1., 1.), pad_shape=shape))
        sample.gt_instances = InstanceData(bboxes=torch.zeros(0, 4), labels=torch.zeros(0, dtype=torch.long))
        return sample

    @pytest.fixture
    def head(self, config):
        """Build a head alone, with scores that do not depend on the picture; give its losses of a batch of data samples."""
        from mmdet.registry import MODELS
        cells = (10, 5, 3, 2, 1, 1)

        def losses(samples, kind='mmmux.SSDHead', **options):
            built = MODELS.build(dict(config.bbox_head, type=kind, train_cfg=config.train_cfg, **options))
            generator = torch.Generator().manual_seed(0)
            scores = [torch.randn(len(samples), 6 * 5, side, side, generator=generator).requires_grad_() for side in cells]
            boxes = [torch.randn(len(samples), 6 * 4, side, side, generator=generator).requires_grad_() for side in cells]
            found = built.loss_by_feat(scores, boxes, [sample.gt_instances for sample in samples],
                                       [sample.metainfo for sample in samples])
            return found, scores, boxes

        return losses

    def test_default_is_mmdets_bit_by_bit(self, head, data, empty):
        samples = [data['data_samples'][0], empty]
        (ours, *our_maps), (stock, *stock_maps) = head(samples), head(samples, 'mmdet.SSDHead')
        for name in ('loss_cls', 'loss_bbox'):
            assert all(map(torch.equal, ours[name], stock[name]))
        for losses in (ours, stock):
            (sum(losses['loss_cls']).sum() + sum(losses['loss_bbox'])).backward()
        for mine, theirs in zip(our_maps, stock_maps):
            assert all(torch.equal(level.grad, same.grad) for level, same in zip(mine, theirs))

    @pytest.mark.parametrize('negatives,teaches', [(0, False), (30, True)])
    def test_a_batch_of_empty_pictures(self, head, empty, negatives, teaches):
        found, scores, boxes = head([empty, empty], background_negatives=negatives)
        (sum(found['loss_cls']).sum() + sum(found['loss_bbox'])).backward()
        assert all(level.grad is None or not level.grad.any() for level in boxes)
        taught = sum(int(level.grad.reshape(2, 6, 5, -1).any(2).sum()) for level in scores)
        assert taught == 2 * negatives and (taught > 0) == teaches

    def test_loss_is_that_of_the_hardest_anchors(self, head, data, empty):
        """Of 30 negatives with `neg_pos_ratio` 3, the empty picture counts as ten matched anchors."""
        samples = [data['data_samples'][0], empty]
        (mmdets, scores, _), (found, *_) = head(samples), head(samples, background_negatives=30)
        flat = torch.cat([level[1].permute(1, 2, 0).reshape(-1, 5) for level in scores])
        hardest = F.cross_entropy(flat, torch.full((len(flat), ), 4), reduction='none').sort(descending=True)[0][:30]
        # The other picture's losses are the same sums with another divisor: its matched anchors, and 1 or 10 of the empty one.
        changed = mmdets['loss_cls'][0] / found['loss_cls'][0]
        matched = (10 - float(changed)) / (float(changed) - 1)
        assert matched == pytest.approx(round(matched), abs=1e-3) and matched >= 1
        assert torch.allclose(found['loss_cls'][1], hardest.sum() / (round(matched) + 10))
        assert float(mmdets['loss_cls'][1]) == 0

    def test_more_negatives_than_anchors_take_all(self, head, empty):
        found, scores, _ = head([empty], background_negatives=10**6)
        sum(found['loss_cls']).sum().backward()
        assert all(level.grad.any() for level in scores)

    @pytest.mark.parametrize('value', [-1, 2.5, True, 'many'])
    def test_values_that_are_no_numbers_of_anchors(self, head, empty, value):
        with raises(ConfigError, 'background_negatives', repr(value)):
            head([empty], background_negatives=value)
