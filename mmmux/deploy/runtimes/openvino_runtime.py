"""Write OpenVINO files, a graph (.xml) and its weights (.bin), and run them with OpenVINO."""
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import numpy
from torch import Tensor

from mmmux.deploy.exact.stage_form import IN_RUNTIMES
from mmmux.utils.errors import ConfigError
from mmmux.utils.installed import need
from mmmux.utils.valid_json import dumps

from . import onnx_runtime
from .runtime import FileContent
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


def write(content: FileContent, path: Path) -> list[Path]:
    """Write a network to an OpenVINO file with its description in the metadata.

    In fp16, the file stores weights in half precision; the device selects the precision of the computation.

    Args:
        content (FileContent): The network and the properties of the file; `opset`, from 13 to 20, is that of the intermediate
            ONNX file.
        path (Path): File to write; the weights go to a file beside it with the suffix .bin.

    Returns:
        list[Path]: `path` and the file of the weights.

    Raises:
        ConfigError: The operator set is too old or too new, or nncf, which int8 needs, is not installed.
    """
    import openvino
    with tempfile.TemporaryDirectory() as folder:
        between = Path(folder) / 'model.onnx'  # OpenVINO converts non-maximum suppression from ONNX, not from PyTorch
        onnx_runtime.write(replace(content, precision='fp32'), between)
        model = openvino.convert_model(str(between))
    if content.precision == 'int8':
        model = _quantized(model, content.calibration)
    model.set_rt_info(dumps(content.description), KEY)
    openvino.save_model(model, str(path), compress_to_fp16=content.precision == 'fp16')
    return [path, path.with_suffix('.bin')]


def _quantized(model, calibration: Iterable[Tensor]):
    need('deploy', 'nncf')
    import nncf
    from nncf.quantization.advanced_parameters import AdvancedQuantizationParameters, OverflowFix
    pictures = nncf.Dataset([picture.numpy() for picture in calibration])
    # The mixed preset is for activations that are not symmetric about 0, such as Swish. The overflow fix uses 7-bit weights:
    # 8-bit weights overflow on processors without VNNI, see `onnx_runtime`.
    return nncf.quantize(model, pictures, preset=nncf.QuantizationPreset.MIXED,
                         advanced_parameters=AdvancedQuantizationParameters(overflow_fix=OverflowFix.ENABLE))


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
        raise ConfigError(f"device of the runtime openvino must be 'cpu', got '{device}'")
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
