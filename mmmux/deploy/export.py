"""Export a trained model to a runtime's file, and compare the file's outputs with PyTorch's."""
import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy
import torch
from mmengine.config import Config
from torch import Tensor, nn

from mmmux.models.backbones.muxnet import MIN_INPUT_SIZE
from mmmux.utils.errors import ConfigError, ExportError
from mmmux.version import __version__

from .deployed_task import DeployedTask
from .evaluate import evaluate
from .exact.form import exact_form
from .exact.stage_form import StageForm
from .load_model import classes_of, pictures_of, prepared, trained_model
from .metadata import describe_input
from .runtimes import FileContent, Runtime, default_form, runtime_of
from .tune import fastest_forms, network_in

CHECKED = 4  # images on which the file's outputs are compared with PyTorch's


@dataclass(frozen=True)
class Export:
    """Options of an export.

    Attributes:
        format (str): 'onnx', 'openvino' or 'torchscript'.
        height (int): Height of the images, in pixels.
        width (int): Width of the images, in pixels.
        dynamic (bool): Allow any number and size of images. Default: False.
        precision (str): 'fp32', 'fp16' or 'int8'. Default: 'fp32'.
        raw (bool): Omit non-maximum suppression, arg max and softmax. Default: False.
        opset (int): Version of ONNX's operator set. Default: 17.
        pictures (Sequence[Path]): Image files or folders, for the comparison and for calibration. Default: (), images of the
            config's test data.
        calibration (int): Number of images that calibrate int8. Default: 100.
        measured (int | None): Number of test images on which the metrics of int8 are measured; 0 measures nothing. Default:
            None, all.
        tune (bool): Select the fastest form of each stage of MUXNet by measurement on this machine. Default: False, the
            runtime's default form.
    """
    format: str
    height: int
    width: int
    dynamic: bool = False
    precision: str = 'fp32'
    raw: bool = False
    opset: int = 17
    pictures: Sequence[Path] = field(default=())
    calibration: int = 100
    measured: int | None = None
    tune: bool = False


@dataclass(frozen=True, eq=False)
class _Trained:
    """A trained model with its config and its task."""
    cfg: Config
    model: nn.Module
    task: DeployedTask


@dataclass(frozen=True, eq=False)
class _Written:
    """A written file.

    Attributes:
        path (Path): The file.
        run (Callable[[ndarray], list[ndarray]]): Runs the file: maps images (N, 3, H, W), float32, to the outputs.
        network (nn.Module): The exported network.
        inputs (Sequence[Tensor]): Prepared images, each (1, 3, H, W).
    """
    path: Path
    run: Callable[[numpy.ndarray], list[numpy.ndarray]]
    network: nn.Module
    inputs: Sequence[Tensor]


def export(cfg: Config, checkpoint: str, wanted: Export, out: Path, task: DeployedTask) -> dict:
    """Write a config's trained model to a file, and compare the file's outputs with PyTorch's in the runtime itself.

    An int8 file is not compared; its metrics on the test data are measured instead. If the outputs differ, the file is renamed
    to `<name>.failed`.

    Args:
        cfg (Config): Config of the model.
        checkpoint (str): Path or URL of the weights.
        wanted (Export): Options of the export.
        out (Path): File to write; its suffix must be the format's. Missing folders are created.
        task (DeployedTask): Task of the config.

    Returns:
        dict: `file`; `bytes`, the size of the file and of its weights; `checked`, the number of compared images; with
        `wanted.tune`, `forms`, the form of each measured stage; and for int8 `metrics`, each metric before and after, or, where
        none is measured, `outputs`, the shape of each output.

    Raises:
        ConfigError: An option or the model cannot be exported, or the runtime is not installed.
        CheckpointError: The weights are missing or belong to another model.
        DatasetError: There are no images, or an image cannot be read.
        ExportError: The runtime's outputs differ from PyTorch's.
    """
    runtime = runtime_of(wanted.format)
    _check(wanted, runtime, out)
    trained = _Trained(cfg, trained_model(cfg, checkpoint), task)
    forms = _forms(trained.model, wanted)
    network = task.deployable(exact_form(trained.model, forms), wanted.raw).eval()
    inputs = _inputs(trained, wanted)
    out.parent.mkdir(parents=True, exist_ok=True)
    files = runtime.write(
        FileContent(network, inputs[0], _description(trained, network, wanted), wanted.dynamic, wanted.precision, wanted.opset,
                    calibration=inputs), out)
    report = dict(file=str(out), bytes=sum(path.stat().st_size for path in files))
    if wanted.tune:
        report['forms'] = {number: asdict(form) for number, form in forms.items()}
    written = _Written(out, runtime.load(out), network, inputs)
    verify = _measure if wanted.precision == 'int8' else _compare
    return {**report, **verify(trained, written, wanted)}


def _check(wanted: Export, runtime: Runtime, out: Path) -> None:
    if min(wanted.height, wanted.width) < MIN_INPUT_SIZE:
        raise ConfigError(f'--shape {wanted.height} {wanted.width} is too small: pictures need at least {MIN_INPUT_SIZE} x '
                          f'{MIN_INPUT_SIZE} pixels')
    if out.suffix != runtime.SUFFIX:
        raise ConfigError(f'--out {out} must end in {runtime.SUFFIX}, the suffix of {wanted.format} files')
    if wanted.precision not in runtime.PRECISIONS:
        raise ConfigError(f'--precision {wanted.precision} is not supported by --format {wanted.format}: choose from '
                          f'{", ".join(runtime.PRECISIONS)}')
    if wanted.precision == 'int8' and wanted.calibration < 1:
        raise ConfigError(f'--calibration must be at least 1 picture with --precision int8, got {wanted.calibration}')


def _forms(model: nn.Module, wanted: Export) -> StageForm | Mapping[int, StageForm]:
    form = default_form(wanted.format, wanted.precision, wanted.dynamic)
    if not wanted.tune:
        return form
    return fastest_forms(network_in(model), wanted.height, wanted.width, wanted.format, form)


def _inputs(trained: _Trained, wanted: Export) -> list[Tensor]:
    count = max(CHECKED, wanted.calibration if wanted.precision == 'int8' else 0)
    paths = pictures_of(trained.cfg, wanted.pictures, count)
    return list(prepared(trained.model, paths, wanted.height, wanted.width))


def _description(trained: _Trained, network: nn.Module, wanted: Export) -> dict:
    shape = None if wanted.dynamic else (wanted.height, wanted.width)
    return dict(
        made_by=f'mmmux {__version__}',
        task=trained.task.name,
        precision=wanted.precision,
        classes=classes_of(trained.cfg, trained.model),
        input=describe_input(trained.cfg, trained.model, shape),
        outputs=dict(network.outputs),
        order=network.order)


def _other_size(x: Tensor) -> Tensor:
    return nn.functional.interpolate(x, size=(x.shape[2] + 33, x.shape[3] + 64), mode='bilinear')


def _compare(trained: _Trained, written: _Written, wanted: Export) -> dict:
    # The reference is the trained model, not its exact form, so that the comparison also finds errors of the exact form.
    reference = trained.task.deployable(copy.deepcopy(trained.model), wanted.raw).eval()
    inputs, out = list(written.inputs[:CHECKED]), written.path
    if wanted.dynamic:
        inputs.append(torch.cat([_other_size(inputs[0])] * 2))
    for number, x in enumerate(inputs):
        with torch.no_grad():
            theirs = [output.numpy() for output in reference(x)]
        complaint = trained.task.difference(tuple(reference.outputs), written.run(x.numpy()), theirs, wanted.precision)
        if complaint:
            failed = out.with_name(f'{out.name}.failed')
            out.replace(failed)
            raise ExportError(f'the outputs of the {wanted.format} file differ from those of PyTorch for picture {number}: '
                              f'{complaint}; the file was renamed to {failed}')
    return dict(checked=len(inputs))


def _measure(trained: _Trained, written: _Written, wanted: Export) -> dict:
    outputs = written.run(written.inputs[0].numpy())
    if wanted.raw or wanted.measured == 0:
        return dict(checked=0, outputs=[list(output.shape) for output in outputs])

    def before(pictures):
        with torch.no_grad():
            return [output.numpy() for output in written.network(torch.from_numpy(pictures))]

    metrics = [evaluate(trained.cfg, trained.model, function, trained.task.put_prediction, wanted.measured)
               for function in (before, written.run)]
    return dict(checked=0, metrics={name: [value, metrics[1][name]] for name, value in metrics[0].items()})
