"""A trained model into a file for a runtime, checked there at once."""
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

CHECKED = 4  # pictures


@dataclass(frozen=True)
class Export:
    """What to make.

    Attributes:
        format: 'onnx', 'openvino' or 'torchscript'.
        height, width: of the pictures, in pixels.
        dynamic: number and size of the pictures may differ.
        precision: 'fp32', 'fp16' or 'int8'.
        raw: leave out non-maximum suppression, arg max and softmax.
        opset: ONNX's operator set.
        pictures: files or folders, for the check and for calibration; none takes the config's test data.
        calibration: how many pictures int8 is calibrated with.
        measured: how many test pictures the loss by int8 is measured on; None takes all, 0 does not measure.
        tune: measure which form of each stage of MUXNet is the fastest here, instead of taking the default.
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
    """Write a config's trained model to a file and compare it with PyTorch on pictures, with the runtime itself.

    Returns:
        dict: `file`, `bytes`, `checked` (number of pictures), `forms` of the stages where they were measured, and for int8
        `metrics`: each metric before and after.

    Raises:
        ConfigError: something cannot be exported so, or what runs it is not installed.
        CheckpointError: the weights are missing or of another model.
        DatasetError: pictures are missing.
        ExportError: the runtime's outputs are not PyTorch's.
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
        raise ConfigError(f'precision {wanted.precision} is not one that {wanted.format} can be exported in: choose from '
                          f'{", ".join(runtime.PRECISIONS)}')
    if wanted.precision == 'int8' and wanted.calibration < 1:
        raise ConfigError(f'int8 needs pictures to calibrate with, got --calibration {wanted.calibration}')


def _other_size(x: Tensor) -> Tensor:
    return nn.functional.interpolate(x, size=(x.shape[2] + 33, x.shape[3] + 64), mode='bilinear')


def _compare(model: nn.Module, task: DeployedTask, runtime, wanted: Export, inputs: Sequence[Tensor], out: Path) -> None:
    # Not the exact form but the trained model itself is what the file must agree with.
    reference = task.deployable(copy.deepcopy(model), wanted.raw).eval()
    run = runtime.load(out)
    for number, x in enumerate(inputs):
        with torch.no_grad():
            theirs = [output.numpy() for output in reference(x)]
        complaint = task.difference(tuple(reference.outputs), run(x.numpy()), theirs, wanted.precision)
        if complaint:
            failed = out.with_name(f'{out.name}.failed')
            out.replace(failed)
            raise ExportError(f'{wanted.format} does not give what PyTorch gives: on picture {number}, {complaint}; the file '
                              f'is kept as {failed}')


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
