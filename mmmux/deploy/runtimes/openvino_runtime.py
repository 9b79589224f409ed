"""Write OpenVINO files, a graph (.xml) and its weights (.bin), and run them with OpenVINO."""
import json
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy
from torch import Tensor, nn

from mmmux.deploy.exact.stage_form import IN_RUNTIMES
from mmmux.utils.errors import ConfigError
from mmmux.utils.installed import need

from . import onnx_runtime
from .signal_stack import signal_stack_kept

SUFFIX = '.xml'
PRECISIONS = ('fp32', 'fp16', 'int8')
FORM = IN_RUNTIMES
KEY = 'mmmux'


def check_installed() -> None:
    """Check that openvino and onnx are installed.

    Raises:
        ConfigError: A package is missing.
    """
    need('deploy', 'openvino', 'onnx')


def write(network: nn.Module, example: Tensor, path: Path, description: dict, dynamic: bool = False, precision: str = 'fp32',
          opset: int = 17, calibration: Iterable[Tensor] = ()) -> None:
    """Write a network to an OpenVINO file with its description in the metadata.

    Args:
        network (nn.Module): Maps images (N, 3, H, W) to a tuple of tensors; its attribute `outputs` names them.
        example (Tensor): Input (N, 3, H, W) to trace with.
        path (Path): File to write; the weights go to a file beside it with the suffix .bin.
        description (dict): Description of the file, see :func:`mmmux.deploy.metadata.describe_file`.
        dynamic (bool): Allow any N, H and W instead of the example's. Default: False.
        precision (str): 'fp32'; 'fp16', which stores weights in half precision and leaves the precision of the computation to
            the device; or 'int8'. Default: 'fp32'.
        opset (int): Version of the operator set of the intermediate ONNX file, from 13 to 20. Default: 17.
        calibration (Iterable[Tensor]): For int8, inputs (N, 3, H, W) from which the ranges of activations are measured.
            Default: ().

    Raises:
        ConfigError: The operator set is too old or too new, or nncf, which int8 needs, is not installed.
    """
    import openvino
    with tempfile.TemporaryDirectory() as folder:
        between = Path(folder) / 'model.onnx'  # OpenVINO converts non-maximum suppression from ONNX, not from PyTorch
        onnx_runtime.write(network, example, between, description, dynamic, 'fp32', opset)
        model = openvino.convert_model(str(between))
    if precision == 'int8':
        need('deploy', 'nncf')
        import nncf
        from nncf.quantization.advanced_parameters import AdvancedQuantizationParameters, OverflowFix
        pictures = nncf.Dataset([picture.numpy() for picture in calibration])
        # The mixed preset is for activations that are not symmetric about 0, such as Swish. The overflow fix uses 7-bit
        # weights: 8-bit weights overflow on processors without VNNI, see `onnx_runtime`.
        model = nncf.quantize(model, pictures, preset=nncf.QuantizationPreset.MIXED,
                              advanced_parameters=AdvancedQuantizationParameters(overflow_fix=OverflowFix.ENABLE))
    model.set_rt_info(json.dumps(description), KEY)
    openvino.save_model(model, str(path), compress_to_fp16=precision == 'fp16')


def load(path: Path, threads: int | None = None, device: str = 'cpu') -> Callable[[numpy.ndarray], list[numpy.ndarray]]:
    """Load a file.

    Args:
        path (Path): File that :func:`write` wrote.
        threads (int | None): Processor threads. Default: None, OpenVINO's own choice.
        device (str): Only 'cpu'. Default: 'cpu'.

    Returns:
        Callable[[ndarray], list[ndarray]]: Maps preprocessed images (N, 3, H, W), float32, to the outputs.

    Raises:
        ConfigError: The device is not 'cpu'.
    """
    import openvino
    if device != 'cpu':
        raise ConfigError(f"OpenVINO runs on the CPU here, got device '{device}'")
    core = openvino.Core()
    # Without the hint, OpenVINO computes float32 networks in bfloat16 on processors that support it.
    settings = {'PERFORMANCE_HINT': 'LATENCY', 'INFERENCE_PRECISION_HINT': 'f32'}
    if threads:
        settings['INFERENCE_NUM_THREADS'] = threads
    with signal_stack_kept():
        request = core.compile_model(core.read_model(str(path)), 'CPU', settings).create_infer_request()

    def run(pictures: numpy.ndarray) -> list[numpy.ndarray]:
        results = request.infer({0: pictures})
        return [numpy.array(results[index]) for index in range(len(results))]

    return run
