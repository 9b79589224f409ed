"""Write TorchScript files, and run them with torch: the format 'torchscript' of :func:`mmmux.deploy.runtimes.runtime_of`."""
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy
import torch
from torch import Tensor, nn

from mmmux.deploy.exact.stage_form import IN_TORCH
from mmmux.deploy.old_torch import check_half_on_cpu
from mmmux.utils.errors import ConfigError
from mmmux.utils.valid_json import dumps

from .runtime import FileContent

SUFFIX = '.pt'
PRECISIONS = ('fp32', 'fp16')
FORM = IN_TORCH
KEY = 'mmmux.json'


def check_installed() -> None:
    """Do nothing: torch is a requirement of this package."""


class _InHalf(nn.Module):
    """Compute a network in half precision, with inputs and outputs in float32."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network.half()

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return tuple(output.float() if output.is_floating_point() else output for output in self.network(x.half()))


def write(content: FileContent, path: Path) -> list[Path]:
    """Write a network to a TorchScript file, with its description as an extra file inside.

    The file accepts other sizes whether `dynamic` is set or not. In fp16, inputs and outputs stay float32.

    Args:
        content (FileContent): The network and the properties of the file.
        path (Path): File to write.

    Returns:
        list[Path]: `path`.

    Raises:
        ConfigError: The network ends in non-maximum suppression, for which TorchScript has no operator, or torch cannot compute
            in half precision on the CPU, where the file is traced.
    """
    network = content.network
    if 'labels' in network.outputs and 'boxes' in network.outputs:
        raise ConfigError('TorchScript has no operator for non-maximum suppression: export the boxes and scores of all anchors '
                          'with --raw, or use --format onnx or openvino')
    if content.precision == 'fp16':
        check_half_on_cpu('precision fp16 of torchscript', 'export to onnx or openvino')
        network = _InHalf(network)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter('ignore')
        traced = torch.jit.trace(network, content.example, check_trace=False)
        torch.jit.save(traced, str(path), _extra_files={KEY: dumps(content.description)})
    return [path]


def load(path: Path, threads: int | None = None, device: str = 'cpu') -> Callable[[numpy.ndarray], list[numpy.ndarray]]:
    """Load a file.

    Args:
        path (Path): File that :func:`write` wrote.
        threads (int | None): No effect: torch's own number of threads applies. Default: None.
        device (str): Device of torch, e.g. 'cpu' or 'cuda'. Default: 'cpu'.

    Returns:
        Callable[[ndarray], list[ndarray]]: Maps preprocessed images (N, 3, H, W), float32, to the outputs.
    """
    module = torch.jit.load(str(path), map_location=device)

    def run(pictures: numpy.ndarray) -> list[numpy.ndarray]:
        with torch.inference_mode():
            return [output.cpu().numpy() for output in module(torch.from_numpy(pictures).to(device))]

    return run
