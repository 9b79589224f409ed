"""Write and run the files of each supported runtime, one module per runtime."""
from dataclasses import replace

from mmmux.deploy.exact.stage_form import StageForm
from mmmux.utils.errors import ConfigError

from . import onnx_runtime, openvino_runtime, torchscript_runtime

FORMATS = {'onnx': onnx_runtime, 'openvino': openvino_runtime, 'torchscript': torchscript_runtime}


def runtime_of(name: str):
    """Return the module of a format.

    The module has `SUFFIX`; `PRECISIONS`; `FORM`, the default form of MUXNet's stages in float32 and for images of one size;
    and the functions `check_installed`, `write` and `load`.

    Args:
        name (str): A key of `FORMATS`: 'onnx', 'openvino' or 'torchscript'.

    Raises:
        ConfigError: The format is unknown, or its runtime is not installed.
    """
    if name not in FORMATS:
        raise ConfigError(f"format '{name}' is not known: choose from {', '.join(FORMATS)}")
    FORMATS[name].check_installed()
    return FORMATS[name]


def default_form(name: str, precision: str = 'fp32', dynamic: bool = False) -> StageForm:
    """Return the form of MUXNet's stages in a file of a format, where the fastest form is not measured.

    ONNX Runtime uses its blocked layout in float32 only, and spreads gates in this layout only for images of one size.

    Args:
        name (str): A key of `FORMATS`.
        precision (str): 'fp32', 'fp16' or 'int8'. Default: 'fp32'.
        dynamic (bool): Whether the file accepts any number and size of images. Default: False.

    Returns:
        StageForm: The format's `FORM`; `spread` is off unless the precision is 'fp32' and the size is fixed.
    """
    form = FORMATS[name].FORM
    return replace(form, spread=form.spread and precision == 'fp32' and not dynamic)
