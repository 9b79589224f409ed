"""One file for each runtime: how it keeps a model in a file, and how it runs one."""
from dataclasses import replace

from mmmux.deploy.exact.stage_form import StageForm
from mmmux.utils.errors import ConfigError

from . import onnx_runtime, openvino_runtime, torchscript_runtime

FORMATS = {'onnx': onnx_runtime, 'openvino': openvino_runtime, 'torchscript': torchscript_runtime}


def runtime_of(name: str):
    """The module of a format, which has `SUFFIX`, `PRECISIONS`, `FORM` (of MUXNet's stages in float32 and for pictures of one
    size, where none is measured), `check_installed`, `write`, `load` and `read_description`.

    Raises:
        ConfigError: the format is unknown, or what runs it is not installed.
    """
    if name not in FORMATS:
        raise ConfigError(f"format '{name}' is not known: choose from {', '.join(FORMATS)}")
    FORMATS[name].check_installed()
    return FORMATS[name]


def default_form(name: str, precision: str = 'fp32', dynamic: bool = False) -> StageForm:
    """How MUXNet's stages are computed in a file of a format, where it is not measured.

    ONNX Runtime has its blocked layout in float32 alone, and spreads gates in it for pictures of one size alone.
    """
    form = FORMATS[name].FORM
    return replace(form, spread=form.spread and precision == 'fp32' and not dynamic)
