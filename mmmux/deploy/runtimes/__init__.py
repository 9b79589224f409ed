"""One file for each runtime: how it keeps a model in a file, and how it runs one."""
from mmmux.errors import ConfigError

from . import onnx_runtime, openvino_runtime, torchscript_runtime

FORMATS = {'onnx': onnx_runtime, 'openvino': openvino_runtime, 'torchscript': torchscript_runtime}


def runtime_of(name: str):
    """The module of a format, which has `SUFFIX`, `PRECISIONS`, `FORM` (of MUXNet's stages, where none is
    measured), `check_installed`, `write`, `load` and `read_description`.

    Raises:
        ConfigError: the format is unknown, or what runs it is not installed.
    """
    if name not in FORMATS:
        raise ConfigError(f"format '{name}' is not known: choose from {', '.join(FORMATS)}")
    FORMATS[name].check_installed()
    return FORMATS[name]
