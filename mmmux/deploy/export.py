"""Export a trained model to a runtime's file, and compare the file's outputs with PyTorch's."""
import copy
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from mmengine.config import Config
from torch import Tensor, nn

from mmmux.models.backbones.muxnet import MIN_INPUT_SIZE
from mmmux.utils.errors import ConfigError, ExportError

from .deployed_task import DeployedTask
from .evaluate import evaluate
from .exact.form import exact_form
from .load_model import classes_of, pictures_of, prepared, trained_model
from .metadata import describe_file
from .runtimes import default_form, runtime_of
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
    model = trained_model(cfg, checkpoint)
    forms = default_form(wanted.format, wanted.precision, wanted.dynamic)
    if wanted.tune:
        forms = fastest_forms(network_in(model), wanted.height, wanted.width, wanted.format, forms)
    network = task.deployable(exact_form(model, forms), wanted.raw).eval()
    paths = pictures_of(cfg, wanted.pictures, max(CHECKED, wanted.calibration if wanted.precision == 'int8' else 0))
    inputs = list(prepared(model, paths, wanted.height, wanted.width))
    description = describe_file(cfg, model, classes_of(cfg, model), network.outputs, network.order, task.name,
                                None if wanted.dynamic else (wanted.height, wanted.width), wanted.precision)
    out.parent.mkdir(parents=True, exist_ok=True)
    runtime.write(network, inputs[0], out, description, wanted.dynamic, wanted.precision, wanted.opset, inputs)
    report = dict(file=str(out), bytes=sum(path.stat().st_size for path in (out, out.with_suffix('.bin')) if path.exists()))
    if wanted.tune:
        report['forms'] = {number: asdict(form) for number, form in forms.items()}
    if wanted.precision == 'int8':
        return {**report, **_loss(cfg, model, network, runtime, wanted, inputs, out, task)}
    checked = inputs[:CHECKED] + ([torch.cat([_other_size(inputs[0])] * 2)] if wanted.dynamic else [])
    _compare(model, task, runtime, wanted, checked, out)
    return {**report, 'checked': len(checked)}


def _check(wanted: Export, runtime, out: Path) -> None:
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


def _other_size(x: Tensor) -> Tensor:
    return nn.functional.interpolate(x, size=(x.shape[2] + 33, x.shape[3] + 64), mode='bilinear')


def _compare(model: nn.Module, task: DeployedTask, runtime, wanted: Export, inputs: Sequence[Tensor], out: Path) -> None:
    # The reference is the trained model, not its exact form, so that the comparison also finds errors of the exact form.
    reference = task.deployable(copy.deepcopy(model), wanted.raw).eval()
    run = runtime.load(out)
    for number, x in enumerate(inputs):
        with torch.no_grad():
            theirs = [output.numpy() for output in reference(x)]
        complaint = task.difference(tuple(reference.outputs), run(x.numpy()), theirs, wanted.precision)
        if complaint:
            failed = out.with_name(f'{out.name}.failed')
            out.replace(failed)
            raise ExportError(f'the outputs of the {wanted.format} file differ from those of PyTorch for picture {number}: '
                              f'{complaint}; the file was renamed to {failed}')


def _loss(cfg: Config, model: nn.Module, network: nn.Module, runtime, wanted: Export, inputs: Sequence[Tensor],
          out: Path, task: DeployedTask) -> dict:
    run = runtime.load(out)
    outputs = run(inputs[0].numpy())
    if wanted.raw or wanted.measured == 0:
        return dict(checked=0, outputs=[list(output.shape) for output in outputs])

    def before(pictures):
        with torch.no_grad():
            return [output.numpy() for output in network(torch.from_numpy(pictures))]

    metrics = [evaluate(cfg, model, function, task.put_prediction, wanted.measured) for function in (before, run)]
    return dict(checked=0, metrics={name: [value, metrics[1][name]] for name, value in metrics[0].items()})
