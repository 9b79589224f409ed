"""Provide functions that torch 2.1 to 2.4 lack or name differently."""
import inspect
from pathlib import Path

import torch
from torch import nn

from mmmux.utils.errors import ConfigError


def replace_submodule(model: nn.Module, name: str, module: nn.Module) -> None:
    """Replace a submodule, as `nn.Module.set_submodule` of torch 2.5 does.

    Args:
        model (nn.Module): Model that holds the submodule; changed in place.
        name (str): Name of the submodule as in `model.named_modules()`, e.g. 'backbone.stages.0'.
        module (nn.Module): The replacement.

    Raises:
        AttributeError: The model has no submodule of this name.
    """
    model.get_submodule(name)
    parent, _, last = name.rpartition('.')
    setattr(model.get_submodule(parent), last, module)


def trace_to_onnx(network: nn.Module, inputs: tuple, path: str | Path, **options) -> None:
    """Write an ONNX file by tracing with `torch.onnx.export`.

    Torch 2.5 and newer trace only with `dynamo=False`, an argument that earlier versions refuse.

    Args:
        network (nn.Module): Network to trace.
        inputs (tuple): Example inputs.
        path (str | Path): File to write.
        **options: Other arguments of `torch.onnx.export`.
    """
    if 'dynamo' in inspect.signature(torch.onnx.export).parameters:
        options['dynamo'] = False
    torch.onnx.export(network, inputs, str(path), **options)


def check_half_on_cpu(asked: str, instead: str) -> None:
    """Check that torch can convolve half-precision tensors on the CPU, which its oldest supported versions cannot.

    Args:
        asked (str): The option that needs half precision; the error message starts with it.
        instead (str): An alternative without half precision, for the error message.

    Raises:
        ConfigError: Torch cannot convolve half-precision tensors on the CPU.
    """
    x = torch.zeros(1, 1, 1, 1, dtype=torch.float16)
    try:
        nn.functional.conv2d(x, x)
    except RuntimeError:
        raise ConfigError(f'{asked} needs a torch that convolves half-precision tensors on the CPU, and the installed torch '
                          f'{torch.__version__} does not: {instead}, or install a newer torch') from None
