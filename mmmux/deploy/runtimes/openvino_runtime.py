"""OpenVINO's files: a graph (.xml) with its weights beside it (.bin)."""
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
    need('deploy', 'openvino', 'onnx')


def write(network: nn.Module, example: Tensor, path: Path, description: dict, dynamic: bool = False, precision: str = 'fp32',
          opset: int = 17, calibration: Iterable[Tensor] = ()) -> None:
    """As in `onnx_runtime`; with fp16 the weights are kept in half precision, and the device decides how it computes."""
    import openvino
    with tempfile.TemporaryDirectory() as folder:
        between = Path(folder) / 'model.onnx'  # OpenVINO's reader of ONNX knows non-maximum suppression; its tracer does not
        onnx_runtime.write(network, example, between, description, dynamic, 'fp32', opset)
        model = openvino.convert_model(str(between))
    if precision == 'int8':
        need('deploy', 'nncf')
        import nncf
        from nncf.quantization.advanced_parameters import AdvancedQuantizationParameters, OverflowFix
        pictures = nncf.Dataset([picture.numpy() for picture in calibration])
        # Activations such as Swish are not symmetric about 0, which the mixed preset is for. Weights of 7 bits, as in
        # `onnx_runtime`: else what processors without VNNI compute is another function.
        model = nncf.quantize(model, pictures, preset=nncf.QuantizationPreset.MIXED,
                              advanced_parameters=AdvancedQuantizationParameters(overflow_fix=OverflowFix.ENABLE))
    model.set_rt_info(json.dumps(description), KEY)
    openvino.save_model(model, str(path), compress_to_fp16=precision == 'fp16')


def load(path: Path, threads: int | None = None, device: str = 'cpu') -> Callable[[numpy.ndarray], list[numpy.ndarray]]:
    """A function that runs the file on a batch of prepared pictures."""
    import openvino
    if device != 'cpu':
        raise ConfigError(f"OpenVINO runs on the CPU here, got device '{device}'")
    core = openvino.Core()
    # Float32 is computed as float32 on processors that would take bfloat16 by themselves, too.
    settings = {'PERFORMANCE_HINT': 'LATENCY', 'INFERENCE_PRECISION_HINT': 'f32'}
    if threads:
        settings['INFERENCE_NUM_THREADS'] = threads
    with signal_stack_kept():
        request = core.compile_model(core.read_model(str(path)), 'CPU', settings).create_infer_request()

    def run(pictures: numpy.ndarray) -> list[numpy.ndarray]:
        results = request.infer({0: pictures})
        return [numpy.array(results[index]) for index in range(len(results))]

    return run


def read_description(path: Path) -> dict:
    """What :func:`write` was told about the file."""
    import openvino
    return json.loads(openvino.Core().read_model(str(path)).get_rt_info(KEY).value)
