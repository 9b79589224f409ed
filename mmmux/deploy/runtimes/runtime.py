"""The content that a runtime writes to a file, and the interface of a runtime's module."""
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy
from torch import Tensor, nn

from mmmux.deploy.exact.stage_form import StageForm


@dataclass(frozen=True, eq=False)
class FileContent:
    """A network and the properties of its file. Each runtime reads the attributes that apply to its format.

    Attributes:
        network (nn.Module): Maps images (N, 3, H, W) to a tuple of tensors; its attribute `outputs` names them.
        example (Tensor): Input (N, 3, H, W) to trace with.
        description (Mapping): Description that the file holds, of values that JSON can hold. Default: {}.
        dynamic (bool): Accept any N, H and W instead of the example's alone. Default: False.
        precision (str): One of the runtime's `PRECISIONS`. Default: 'fp32'.
        opset (int): Version of ONNX's operator set. Default: 17.
        calibration (Iterable[Tensor]): Inputs (N, 3, H, W) from which int8 measures the ranges of activations. Default: ().
    """
    network: nn.Module
    example: Tensor
    description: Mapping = field(default_factory=dict)
    dynamic: bool = False
    precision: str = 'fp32'
    opset: int = 17
    calibration: Iterable[Tensor] = ()


class Runtime(Protocol):
    """The attributes and functions of a runtime's module.

    Attributes:
        SUFFIX (str): Suffix of the files, with the dot.
        PRECISIONS (Sequence[str]): Precisions that :meth:`write` accepts.
        FORM (StageForm): Default form of MUXNet's stages in float32 and for images of one size.
    """
    SUFFIX: str
    PRECISIONS: Sequence[str]
    FORM: StageForm

    def check_installed(self) -> None:
        """Check that the packages of the runtime are installed.

        Raises:
            ConfigError: A package is missing.
        """

    def write(self, content: FileContent, path: Path) -> Sequence[Path]:
        """Write a file.

        Args:
            content (FileContent): The network and the properties of the file.
            path (Path): File to write, in an existing folder.

        Returns:
            Sequence[Path]: The written files: `path`, and others beside it where the format has several.

        Raises:
            ConfigError: The format cannot hold the network or has none of the properties.
        """

    def load(self, path: Path, threads: int | None = None,
             device: str = 'cpu') -> Callable[[numpy.ndarray], list[numpy.ndarray]]:
        """Load a file.

        Args:
            path (Path): File that :meth:`write` wrote.
            threads (int | None): Processor threads. Default: None, the runtime's own choice.
            device (str): 'cpu' or 'cuda'. Default: 'cpu'.

        Returns:
            Callable[[ndarray], list[ndarray]]: Maps preprocessed images (N, 3, H, W), float32, to the outputs.

        Raises:
            ConfigError: The runtime does not support the device.
        """

    def read_description(self, path: Path) -> dict:
        """Read the description of a file that :meth:`write` wrote."""
