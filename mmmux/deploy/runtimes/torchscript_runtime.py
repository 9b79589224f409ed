"""TorchScript files, run by torch or libtorch."""
import json
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy
import torch
from torch import Tensor, nn

from mmmux.deploy.exact.stage_form import IN_TORCH
from mmmux.deploy.old_torch import check_half_on_cpu
from mmmux.utils.errors import ConfigError

SUFFIX = '.pt'
PRECISIONS = ('fp32', 'fp16')
FORM = IN_TORCH
KEY = 'mmmux.json'


def check_installed() -> None:
    """Torch is."""


class _InHalf(nn.Module):
    """A network in half precision with inputs and outputs in float32."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network.half()

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return tuple(output.float() if output.is_floating_point() else output for output in self.network(x.half()))


def write(network: nn.Module, example: Tensor, path: Path, description: dict, dynamic: bool = False, precision: str = 'fp32',
          opset: int = 17, calibration: Iterable[Tensor] = ()) -> None:
    """As in `onnx_runtime`; a trace takes other sizes in any case, and there is no operator set.

    Raises:
        ConfigError: the network ends in non-maximum suppression, which TorchScript has no operator for, or this torch cannot
            compute in half precision on the CPU, where the file is made.
    """
    if 'labels' in network.outputs and 'boxes' in network.outputs:
        raise ConfigError('TorchScript has no operator for non-maximum suppression: export the boxes and scores of all anchors '
                          'with --raw, or to onnx or openvino')
    if precision == 'fp16':
        check_half_on_cpu('precision fp16 of torchscript', 'export to onnx or openvino')
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter('ignore')
        traced = torch.jit.trace(_InHalf(network) if precision == 'fp16' else network, example, check_trace=False)
        torch.jit.save(traced, str(path), _extra_files={KEY: json.dumps(description)})


def load(path: Path, threads: int | None = None, device: str = 'cpu') -> Callable[[numpy.ndarray], list[numpy.ndarray]]:
    """A function that runs the file on a batch of prepared pictures; the number of threads is torch's own."""
    module = torch.jit.load(str(path), map_location=device)

    def run(pictures: numpy.ndarray) -> list[numpy.ndarray]:
        with torch.inference_mode():
            return [output.cpu().numpy() for output in module(torch.from_numpy(pictures).to(device))]

    return run


def read_description(path: Path) -> dict:
    """What :func:`write` was told about the file."""
    files = {KEY: ''}
    torch.jit.load(str(path), _extra_files=files)
    return json.loads(files[KEY])
