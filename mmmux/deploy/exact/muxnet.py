"""MUXNet for inference: equal outputs, without shuffles, norms and groups of two channels."""
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from mmmux.models import MUXNet

from .block import Activation
from .channel_order import in_order, is_identity
from .fold_norm import fold
from .stage import exact_stage
from .stage_form import IN_RUNTIMES, StageForm


class ExactMUXNet(nn.Module):
    """The exact form of a trained MUXNet.

    No shuffle is left: where each channel is stored is followed through the network, and the next weights read it there.

    Args:
        network: in evaluation.
        forms: how its stages are computed: one for all, or by their numbers.
    """

    def __init__(self, network: MUXNet, forms: StageForm | Mapping[int, StageForm]):
        super().__init__()
        self.out_indices = network.out_indices
        self.out_channels = network.out_channels
        stages = list(network.stages)
        head = stages.pop() if len(stages) > len(network.arch.stages) else None
        places = torch.arange(network.stem[0].out_channels)
        self.stem = _conv_norm_act(network.stem)
        self.stages, self.orders = nn.ModuleList(), nn.Module()
        for index, stage in enumerate(stages):
            form = forms if isinstance(forms, StageForm) else forms.get(index, IN_RUNTIMES)
            exact, places = exact_stage(stage, places, form)
            self.stages.append(exact)
            if index in self.out_indices and not is_identity(places):
                self.orders.register_buffer(str(index), places)
        if head:
            self.stages.append(_conv_norm_act(head, places))

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """As the trained network: (N, 3, H, W) -> one feature (N, C, H / stride, W / stride) for each out index."""
        x = self.stem(x)
        outs = {}
        for index, stage in enumerate(self.stages):
            x = stage(x)
            order = getattr(self.orders, str(index), None)
            outs[index] = x if order is None else in_order(x, order)
        return tuple(outs[index] for index in self.out_indices)


def _conv_norm_act(layers: nn.Sequential, before: Tensor | None = None) -> nn.Sequential:
    conv, norm, act = layers
    conv = fold(conv, norm)
    if before is not None:
        conv.weight.copy_(conv.weight[:, torch.argsort(before)])  # the channel stored at each place
    return nn.Sequential(conv, Activation(act))
