import numpy as np
import pytest
import torch
from mmengine.registry import TRANSFORMS, DefaultScope
from PIL import Image
from torchvision import transforms


@pytest.fixture
def augment():
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        return TRANSFORMS.build(dict(type='mmmux.CIFARAutoAugment'))


@pytest.fixture(params=[(32, 32), (20, 45)])
def picture(request):
    """(H, W, 3), RGB."""
    return np.random.default_rng(0).integers(0, 256, (*request.param, 3), dtype=np.uint8)


def test_is_torchvisions_policy_for_cifar10(augment, picture):
    """With the same random numbers, picture by picture; the policy for ImageNet gives others."""
    theirs = transforms.AutoAugment(transforms.AutoAugmentPolicy.CIFAR10)
    others = transforms.AutoAugment(transforms.AutoAugmentPolicy.IMAGENET)
    differ = changed = 0
    for seed in range(100):
        torch.manual_seed(seed)
        ours = augment(dict(img=picture.copy()))['img']
        assert ours.shape == picture.shape and ours.dtype == np.uint8
        expected = []
        for policy in (theirs, others):
            torch.manual_seed(seed)
            expected.append(np.asarray(policy(Image.fromarray(picture))))
        np.testing.assert_array_equal(ours, expected[0])
        changed += (ours != picture).any()
        differ += (ours != expected[1]).any()
    assert changed > 50 and differ > 50


def test_leaves_the_picture_of_the_data_set_and_everything_else_alone(augment, picture):
    before, info = picture.copy(), dict(img=picture, gt_label=3, sample_idx=7)
    for seed in range(20):
        torch.manual_seed(seed)
        result = augment(dict(info))
        assert {key: value for key, value in result.items() if key != 'img'} == dict(gt_label=3, sample_idx=7)
        np.testing.assert_array_equal(picture, before)


def test_later_transforms_can_write_into_it(augment, picture):
    """As mmcv's do."""
    result = augment(dict(img=picture))['img']
    result[:] = 0
    assert not result.any()


def test_bgr_pictures_get_the_same_colours(augment, picture):
    """The policy's contrast and colour weigh red, green and blue differently."""
    for seed in range(8):
        torch.manual_seed(seed)
        of_rgb = augment(dict(img=picture.copy()))['img']
        torch.manual_seed(seed)
        of_bgr = augment(dict(img=picture[..., ::-1].copy(), channel_order='bgr'))['img']
        assert (of_bgr == of_rgb[..., ::-1]).all() and of_bgr.flags.writeable
