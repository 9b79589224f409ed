"""What torch 2.1 to 2.4 lack or name otherwise."""
import inspect
from pathlib import Path

import torch
from torch import nn

from mmmux.utils.errors import ConfigError


def replace_submodule(model: nn.Module, name: str, module: nn.Module) -> None:
    """Put a module in the place of another, as `nn.Module.set_submodule` of torch 2.5 does.

    Args:
        model: what holds it, changed in place.
        name: of the place, as `model.named_modules()` tells it, such as 'backbone.stages.0'.
        module: put there.

    Raises:
        AttributeError: there is no such place.
    """
    model.get_submodule(name)
    parent, _, last = name.rpartition('.')
    setattr(model.get_submodule(parent), last, module)


def trace_to_onnx(network: nn.Module, inputs: tuple, path: str | Path, **options) -> None:
    """Write an ONNX file by tracing, with `torch.onnx.export` and its options.

    From 2.5 on torch has to be told that it is to trace, by an argument that earlier versions refuse.
    """
    if 'dynamo' in inspect.signature(torch.onnx.export).parameters:
        options['dynamo'] = False
    torch.onnx.export(network, inputs, str(path), **options)


def check_half_on_cpu(asked: str, instead: str) -> None:
    """Check that torch convolves half-precision numbers on the CPU, which its oldest versions do not.

    Args:
        asked: what needs it, to start the sentence with.
        instead: what does without.

    Raises:
        ConfigError: it does not.
    """
    x = torch.zeros(1, 1, 1, 1, dtype=torch.float16)
    try:
        nn.functional.conv2d(x, x)
    except RuntimeError:
        raise ConfigError(f'{asked} needs a torch that convolves half-precision numbers on the CPU, and torch '
                          f'{torch.__version__} does not: {instead}, or install a newer torch') from None
