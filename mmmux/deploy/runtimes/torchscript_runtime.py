"""Write TorchScript files, and run them with torch: the format 'torchscript' of :func:`mmmux.deploy.runtimes.runtime_of`."""
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
    """Do nothing: torch is a requirement of this package."""


class _InHalf(nn.Module):
    """Compute a network in half precision, with inputs and outputs in float32."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network.half()

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return tuple(output.float() if output.is_floating_point() else output for output in self.network(x.half()))


def write(network: nn.Module, example: Tensor, path: Path, description: dict, dynamic: bool = False, precision: str = 'fp32',
          opset: int = 17, calibration: Iterable[Tensor] = ()) -> None:
    """Write a network to a TorchScript file, with its description as an extra file inside.

    Args:
        network (nn.Module): Maps images (N, 3, H, W) to a tuple of tensors; its attribute `outputs` names them.
        example (Tensor): Input (N, 3, H, W) to trace with.
        path (Path): File to write.
        description (dict): Description of the file, see :func:`mmmux.deploy.metadata.describe_file`.
        dynamic (bool): No effect: a trace accepts other sizes in any case. Default: False.
        precision (str): 'fp32' or 'fp16' (inputs and outputs stay float32). Default: 'fp32'.
        opset (int): No effect: TorchScript has no operator set. Default: 17.
        calibration (Iterable[Tensor]): No effect: there is no int8. Default: ().

    Raises:
        ConfigError: The network ends in non-maximum suppression, for which TorchScript has no operator, or torch cannot compute
            in half precision on the CPU, where the file is traced.
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
