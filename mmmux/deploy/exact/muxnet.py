"""Compute MUXNet in its exact form: equal outputs without shuffles, normalisation and groups of two channels."""
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

    It shuffles no channels. Instead, the position of each channel is followed through the network (see :mod:`.channel_order`),
    and the next weights read the channel at its position.

    Args:
        network (MUXNet): Trained network in evaluation mode; not changed.
        forms (StageForm | Mapping[int, StageForm]): How to compute the stages: one form for all, or one for each stage number.

    Attributes:
        out_indices (tuple[int]): Stages whose outputs are returned.
        out_channels (tuple[int]): Channels of each returned feature.

    Raises:
        ConfigError: The network has a normalisation or a k x k convolution without an exact form.
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
        """Compute the features of the trained network.

        Args:
            x (Tensor): Images (N, 3, H, W).

        Returns:
            tuple[Tensor, ...]: One feature (N, C, H / stride, W / stride) for each out index.
        """
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
        conv.weight.copy_(conv.weight[:, torch.argsort(before)])  # index of the channel that is stored at each position
    return nn.Sequential(conv, Activation(act))
