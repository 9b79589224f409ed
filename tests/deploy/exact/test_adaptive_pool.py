import pytest
import torch
from torch import nn

from mmmux.deploy.exact.adaptive_pool import BinMeans, replace_adaptive_pools


@pytest.mark.parametrize('size', [(12, 18), (7, 11), (3, 2), (64, 65)])
@pytest.mark.parametrize('bins', [(1, 1), (2, 2), (3, 3), (6, 6), (6, 4)])
def test_it_is_torchs_adaptive_pooling(size, bins):
    x = torch.randn(2, 3, *size)
    torch.testing.assert_close(BinMeans(bins)(x), nn.functional.adaptive_avg_pool2d(x, bins))


def test_pools_of_several_bins_are_replaced_and_others_kept():
    model = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Sequential(nn.AdaptiveAvgPool2d(3)), nn.AdaptiveAvgPool2d((6, 2)))
    replace_adaptive_pools(model)
    assert [type(module) for module in (model[0], model[1][0], model[2])] == [nn.AdaptiveAvgPool2d, BinMeans, BinMeans]
