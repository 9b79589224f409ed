import pytest
import torch
from torch import nn

from mmmux.models.layers import ChannelMux


class TimesTen(nn.Module):

    def forward(self, x):
        return 10 * x


@pytest.mark.parametrize(('channels', 'processed', 'groups'), [(12, 6, 2), (12, 4, 3), (10, 3, 2), (6, 6, 2)])
def test_channels_go_where_the_paper_sends_them(channels, processed, groups):
    x = torch.arange(1., channels + 1).view(1, channels, 1, 1).expand(2, -1, 3, 5)
    out = ChannelMux(TimesTen(), processed, groups)(x)
    share = channels // groups
    for group in range(groups):
        for place in range(share):
            source = group * share + place
            expected = (source + 1) * (10 if source < processed else 1)
            assert (out[:, place * groups + group] == expected).all()


def test_two_layers_in_a_row_process_channels_of_both_halves():
    x = torch.ones(1, 8, 1, 1)
    mux = ChannelMux(TimesTen(), 4)
    assert sorted(mux(mux(x)).flatten().tolist()) == [1, 1, 10, 10, 10, 10, 100, 100]


def test_gradient_reaches_every_channel():
    x = torch.rand(1, 8, 3, 3, requires_grad=True)
    ChannelMux(TimesTen(), 4)(x).sum().backward()
    assert torch.equal(x.grad[:, :4], torch.full((1, 4, 3, 3), 10.))
    assert torch.equal(x.grad[:, 4:], torch.ones(1, 4, 3, 3))
