"""From a trained model to an equal one for inference."""
import copy

import torch
from torch import nn

from mmmux.errors import ConfigError
from mmmux.models import MUXNet

from .exact_muxnet import ExactMUXNet
from .fold_norm import fold_everywhere


@torch.no_grad()
def exact_form(model: nn.Module, merge: bool = True) -> nn.Module:
    """Make an equal model that is faster at inference and cannot be trained.

    Each MUXNet in it, or the model itself, becomes an :class:`ExactMUXNet`, and batch normalisation is folded wherever it
    follows a convolution. Up to rounding, the outputs are the trained model's, whatever the input.

    Args:
        model: a network or a whole detector, segmentor or classifier, in evaluation; it stays as it is.
        merge: mixed kernels become one depthwise convolution, zero-padded to the largest; else each is one for itself.

    Raises:
        ConfigError: the model is in training mode, or has a normalisation that cannot be folded.
    """
    training = next((module for module in model.modules() if module.training), None)
    if training is not None:
        raise ConfigError(f'the exact form is of a model in evaluation, and {type(training).__name__} in this '
                          f'{type(model).__name__} is in training mode: call model.eval() first')
    if isinstance(model, MUXNet):
        return ExactMUXNet(model, merge).eval()
    model = copy.deepcopy(model)
    for name, module in list(model.named_modules()):
        if isinstance(module, MUXNet):
            model.set_submodule(name, ExactMUXNet(module, merge))
    fold_everywhere(model)
    model.eval()  # not chained: mmdet's MobileNetV2 gives nothing back
    return model.requires_grad_(False)
