"""From a trained model to an equal one for inference."""
import copy
from collections.abc import Mapping

import torch
from torch import nn

from mmmux.errors import ConfigError
from mmmux.models import MUXNet

from .exact_muxnet import ExactMUXNet
from .exact_stage import StageForm
from .fold_norm import fold_everywhere


@torch.no_grad()
def exact_form(model: nn.Module, forms: Mapping[int, StageForm] | None = None) -> nn.Module:
    """Make an equal model that is faster at inference and cannot be trained.

    Each MUXNet in it, or the model itself, becomes an :class:`ExactMUXNet`, and batch normalisation is folded wherever it
    follows a convolution. Up to rounding, the outputs are the trained model's, whatever the input.

    Args:
        model: a network or a whole detector, segmentor or classifier, in evaluation; it stays as it is.
        forms: how the stages of MUXNet are computed, by their numbers, as :func:`.fastest_forms.fastest_forms` measures it;
            others take the default.

    Raises:
        ConfigError: the model is in training mode, or has a normalisation that cannot be folded.
    """
    training = next((module for module in model.modules() if module.training), None)
    if training is not None:
        raise ConfigError(f'the exact form is of a model in evaluation, and {type(training).__name__} in this '
                          f'{type(model).__name__} is in training mode: call model.eval() first')
    if isinstance(model, MUXNet):
        return ExactMUXNet(model, forms or {}).eval()
    model = copy.deepcopy(model)
    for name, module in list(model.named_modules()):
        if isinstance(module, MUXNet):
            model.set_submodule(name, ExactMUXNet(module, forms or {}))
    fold_everywhere(model)
    model.eval()  # not chained: mmdet's MobileNetV2 gives nothing back
    return model.requires_grad_(False)
