"""From a trained model to an equal one for inference."""
import copy
from collections.abc import Mapping

import torch
from torch import nn

from mmmux.deploy.old_torch import replace_submodule
from mmmux.models import MUXNet
from mmmux.utils.errors import ConfigError

from .fold_norm import fold_everywhere
from .muxnet import ExactMUXNet
from .stage_form import IN_TORCH, StageForm


@torch.no_grad()
def exact_form(model: nn.Module, forms: StageForm | Mapping[int, StageForm] = IN_TORCH) -> nn.Module:
    """Make an equal model that is faster at inference and cannot be trained.

    Each MUXNet in it, or the model itself, becomes an :class:`ExactMUXNet`, and batch normalisation is folded wherever it
    follows a convolution. Up to rounding, the outputs are the trained model's, whatever the input.

    Args:
        model: a network or a whole detector, segmentor or classifier, in evaluation; it stays as it is.
        forms: how the stages of MUXNet are computed: one for all, or by their numbers, as
            :func:`.tune.fastest_forms` measures it. The default is for torch itself; a file for another runtime takes
            the runtime's `FORM` (see :mod:`.runtimes`).

    Raises:
        ConfigError: the model is in training mode, or has a normalisation that cannot be folded.
    """
    training = next((module for module in model.modules() if module.training), None)
    if training is not None:
        raise ConfigError(f'the exact form is of a model in evaluation, and {type(training).__name__} in this '
                          f'{type(model).__name__} is in training mode: call model.eval() first')
    if isinstance(model, MUXNet):
        model = ExactMUXNet(model, forms)
    else:
        model = copy.deepcopy(model)
        for name, module in list(model.named_modules()):
            if isinstance(module, MUXNet):
                replace_submodule(model, name, ExactMUXNet(module, forms))
        fold_everywhere(model)
    model.eval()  # not chained: mmdet's MobileNetV2 gives nothing back
    # Torch's convolutions follow their weights, and are faster so.
    return model.requires_grad_(False).to(memory_format=torch.channels_last)
