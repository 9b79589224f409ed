"""Write ONNX files, and run them with ONNX Runtime: the format 'onnx' of :func:`mmmux.deploy.runtimes.runtime_of`."""
import warnings
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import numpy
import torch
from torch import Tensor

from mmmux.deploy.exact.stage_form import IN_RUNTIMES
from mmmux.deploy.old_torch import trace_to_onnx
from mmmux.utils.errors import ConfigError
from mmmux.utils.installed import need
from mmmux.utils.valid_json import dumps

from .runtime import FileContent

SUFFIX = '.onnx'
PRECISIONS = ('fp32', 'fp16', 'int8')
FORM = replace(IN_RUNTIMES, spread=True)
OPSETS = (13, 20)  # older sets express means and broadcast products by operators that newer runtimes optimise badly
KEY = 'mmmux'
KEPT_IN_FP32 = ['NonMaxSuppression', 'TopK', 'Range', 'Resize']  # ONNX Runtime has no float16 kernels for these
DYNAMIC = {0: 'batch', 2: 'height', 3: 'width'}


def check_installed() -> None:
    """Check that onnx and onnxruntime are installed.

    Raises:
        ConfigError: A package is missing.
    """
    need('deploy', 'onnx', 'onnxruntime')


def write(content: FileContent, path: Path) -> list[Path]:
    """Write a network to an ONNX file with its description in the metadata.

    In fp16, inputs and outputs stay float32.

    Args:
        content (FileContent): The network and the properties of the file; `opset` must be from 13 to 20.
        path (Path): File to write.

    Returns:
        list[Path]: `path`.

    Raises:
        ConfigError: The operator set is too old or too new.
    """
    import onnx
    opset = content.opset
    if not OPSETS[0] <= opset <= OPSETS[1]:
        raise ConfigError(f'--opset must be from {OPSETS[0]} to {OPSETS[1]}, got {opset}')
    _trace(content, path)
    if content.precision == 'int8':
        _quantize(path, content.calibration)
    model = onnx.load(path)
    if content.precision == 'fp16':
        from onnxruntime.transformers.float16 import convert_float_to_float16
        model = convert_float_to_float16(model, keep_io_types=True, op_block_list=KEPT_IN_FP32)
    onnx.helper.set_model_props(model, {KEY: dumps(content.description)})
    onnx.save(model, path)
    return [path]


def _trace(content: FileContent, path: Path) -> None:
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter('ignore')  # tracing warns of every shape that becomes a constant, which is intended here
        trace_to_onnx(content.network, (content.example, ), path, opset_version=content.opset, input_names=['pictures'],
                      output_names=list(content.network.outputs),
                      dynamic_axes={'pictures': DYNAMIC} if content.dynamic else None)


def _quantize(path: Path, calibration: Iterable[Tensor]) -> None:
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Pictures(CalibrationDataReader):
        inputs = iter([{'pictures': picture.numpy()} for picture in calibration])

        def get_next(self):
            return next(self.inputs, None)

    prepared = path.with_suffix('.prepared.onnx')
    quant_pre_process(str(path), str(prepared), skip_symbolic_shape=True)
    # Only convolutions: decoding boxes in 8 bits would move the boxes by pixels, and gates are too small to gain time.
    # 7-bit weights (`reduce_range`): processors without VNNI add two products in 16 bits, and products of 8 by 8 bits overflow.
    quantize_static(str(prepared), str(path), Pictures(), quant_format=QuantFormat.QDQ, op_types_to_quantize=['Conv'],
                    per_channel=True, activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8, reduce_range=True)
    prepared.unlink()


def load(path: Path, threads: int | None = None, device: str = 'cpu') -> Callable[[numpy.ndarray], list[numpy.ndarray]]:
    """Load a file.

    Args:
        path (Path): File that :func:`write` wrote.
        threads (int | None): Processor threads. Default: None, ONNX Runtime's own choice.
        device (str): 'cpu' or 'cuda'. Default: 'cpu'.

    Returns:
        Callable[[ndarray], list[ndarray]]: Maps preprocessed images (N, 3, H, W), float32, to the outputs.

    Raises:
        ConfigError: The installed onnxruntime does not support the device.
    """
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    # Otherwise the idle threads of one file keep cores busy while another file is timed.
    options.add_session_config_entry('session.force_spinning_stop', '1')
    if threads:
        options.intra_op_num_threads = threads
    provider = 'CPUExecutionProvider' if device == 'cpu' else 'CUDAExecutionProvider'
    if provider not in onnxruntime.get_available_providers():
        raise ConfigError(f"device '{device}' needs {provider}, which the installed onnxruntime lacks: install onnxruntime-gpu "
                          'instead of onnxruntime')
    session = onnxruntime.InferenceSession(str(path), options, providers=[provider])
    return lambda pictures: session.run(None, {'pictures': pictures})
