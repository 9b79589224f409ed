"""MUXNet without channel movement: equal outputs, for inference."""
import torch
from torch import Tensor, nn

from mmmux.models import MUXNet
from mmmux.models.layers import ChannelMux, DepthwiseSeparable

from .channel_positions import before_mux, is_identity
from .exact_block import Activation, exact_depthwise_separable, exact_inverted_residual
from .fold_norm import conv_with, folded_weight


class ExactMUXNet(nn.Module):
    """The exact form of a trained MUXNet.

    Every channel is stored where the last shuffle of its stage will have put it, so that no shuffle is left: a
    channel-multiplexed block, `shuffle(cat(f(x[:c]), x[c:]))`, becomes the residual block `x + P'f(Px)`, P selecting the
    places of its c channels, and P is a matter of zeros in its first and last weights. The block before writes its channels
    in that order.

    Args:
        network: in evaluation.
        merge: mixed kernels become one depthwise convolution, zero-padded to the largest.
    """

    def __init__(self, network: MUXNet, merge: bool = True):
        super().__init__()
        self.out_indices = network.out_indices
        self.out_channels = network.out_channels
        stages = list(network.stages)
        head = stages.pop() if len(stages) > len(network.arch.stages) else None
        width = head[0].in_channels if head else network.out_channels[network.out_indices.index(max(network.out_indices))]
        after = torch.arange(width)
        exact, self.orders = [], nn.Module()
        for index in reversed(range(len(stages))):
            if index in self.out_indices and not is_identity(after):
                self.orders.register_buffer(str(index), after)
            blocks = []
            for block in reversed(stages[index]):
                block, after = exact_block(block, after, merge)
                blocks.insert(0, block)
            exact.insert(0, nn.Sequential(*blocks))
        if head:
            exact.append(_conv_norm_act(head, torch.arange(head[0].out_channels)))
        self.stem = _conv_norm_act(network.stem, after)
        self.stages = nn.ModuleList(exact)
        self.to(memory_format=torch.channels_last)  # torch's convolutions follow their weights, and are faster so

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """As the trained network: (N, 3, H, W) -> one feature (N, C, H / stride, W / stride) for each out index."""
        x = self.stem(x)
        outs = {}
        for index, stage in enumerate(self.stages):
            x = stage(x)
            order = getattr(self.orders, str(index), None)
            outs[index] = x if order is None else x[:, order]
        return tuple(outs[index] for index in self.out_indices)


def exact_block(block: nn.Module, after: Tensor, merge: bool) -> tuple[nn.Module, Tensor]:
    """The exact form of a block whose output is to be stored by the position map `after`, and the map of its input."""
    if isinstance(block, ChannelMux):
        before = before_mux(after, block)
        exact = exact_inverted_residual(block.block, before, before, merge)
        return exact, before
    channels = (block.project if isinstance(block, DepthwiseSeparable) else block.expand).in_channels
    before = after if block.identity else torch.arange(channels)
    if isinstance(block, DepthwiseSeparable):
        return exact_depthwise_separable(block, after), before
    return exact_inverted_residual(block, before, after, merge), before


def _conv_norm_act(layers: nn.Sequential, after: Tensor) -> nn.Sequential:
    conv, norm, act = layers
    weight, bias = folded_weight(conv, norm)
    rows = torch.argsort(after)  # the channel stored at each place
    return nn.Sequential(conv_with(weight[rows], bias[rows], stride=conv.stride, padding=conv.padding), Activation(act))
