"""Convert a trained model to its exact form: an equal, faster model for inference."""
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
    """Make a model with equal outputs that is faster at inference and cannot be trained.

    The result has an :class:`.muxnet.ExactMUXNet` in place of each MUXNet, or is one if `model` is a MUXNet, and batch
    normalisation is folded wherever it follows a convolution. For every input, the outputs equal the trained model's up to
    rounding.

    Args:
        model (nn.Module): MUXNet, or a whole detector, segmentor or classifier, in evaluation mode; not changed.
        forms (StageForm | Mapping[int, StageForm]): How to compute the stages of MUXNet: one form for all, or one for each
            stage number, as :func:`mmmux.deploy.tune.fastest_forms` returns. A file for another runtime needs the runtime's
            `FORM` (see :mod:`mmmux.deploy.runtimes`). Default: `IN_TORCH`, for torch itself.

    Returns:
        nn.Module: The exact form, in evaluation mode, with frozen weights in channels-last memory format.

    Raises:
        ConfigError: The model is in training mode, or has a normalisation or a k x k convolution without an exact form.
    """
    training = next((module for module in model.modules() if module.training), None)
    if training is not None:
        raise ConfigError(f'the exact form needs a model in evaluation mode, but {type(training).__name__} in '
                          f'{type(model).__name__} is in training mode: call model.eval() first')
    if isinstance(model, MUXNet):
        model = ExactMUXNet(model, forms)
    else:
        model = copy.deepcopy(model)
        for name, module in list(model.named_modules()):
            if isinstance(module, MUXNet):
                replace_submodule(model, name, ExactMUXNet(module, forms))
        fold_everywhere(model)
    model.eval()  # not chained: `eval` of mmdet's MobileNetV2 returns None
    # Torch's convolutions compute in the memory format of their weights, and channels-last is faster.
    return model.requires_grad_(False).to(memory_format=torch.channels_last)
