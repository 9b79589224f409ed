"""Time several models in several runtimes side by side."""
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import MODELS, init_default_scope
from torch import Tensor, nn

from mmmux.config.suggestions import explained
from mmmux.deploy.exact.form import exact_form
from mmmux.deploy.exact.stage_form import StageForm
from mmmux.utils.errors import ConfigError

from .deployed_task import DeployedTask
from .old_torch import check_half_on_cpu
from .runtimes import FORMATS, FileContent, default_form, runtime_of
from .timing import summarise
from .tune import fastest_forms, network_in

RUNTIMES = ('eager', 'compile', 'onnx', 'openvino')
FORMS = ('plain', 'exact', 'tuned')
TYPES = {'fp32': torch.float32, 'fp16': torch.float16, 'bf16': torch.bfloat16}
TaskOf = Callable[[Config], DeployedTask]


@dataclass(frozen=True)
class Entry:
    """One row of a benchmark.

    Attributes:
        config (str): Path of a config.
        runtime (str): One of `RUNTIMES`.
        form (str): 'plain' keeps the network as it was trained; 'exact' converts it to the exact form; 'tuned' also selects the
            fastest form of each stage, by a measurement in the row's runtime ('eager' and 'compile' measure in TorchScript).
            Default: 'exact'.
        precision (str): 'fp32', 'fp16' or 'bf16'. Default: 'fp32'.
        device (str): 'cpu' or 'cuda'. Default: 'cpu'.
    """
    config: str
    runtime: str
    form: str = 'exact'
    precision: str = 'fp32'
    device: str = 'cpu'


@dataclass(frozen=True)
class Workload:
    """The input that every row of a benchmark runs on, and the part of the model that runs.

    A whole model returns raw outputs. It omits non-maximum suppression, because the time of that depends on the image.

    Attributes:
        batch (int): Images per call.
        height (int): Height of the images, in pixels.
        width (int): Width of the images, in pixels.
        backbone_only (bool): Run the backbone without neck and head.
        threads (int): Processor threads.
    """
    batch: int
    height: int
    width: int
    backbone_only: bool
    threads: int


class Features(nn.Module):
    """Wrap a backbone so that its features are named outputs.

    Args:
        backbone (nn.Module): Maps images (N, 3, H, W) to a sequence of features (N, C, H / stride, W / stride).

    Attributes:
        outputs (tuple[str]): Names of the features, 'feature_0', 'feature_1', ...
    """

    def __init__(self, backbone: nn.Module):
        super().__init__()
        self.backbone = backbone
        self.outputs = tuple(f'feature_{index}' for index in range(len(self.backbone(torch.zeros(1, 3, 64, 64)))))

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Compute the features of a batch of images.

        Args:
            x (Tensor): Images (N, 3, H, W).

        Returns:
            tuple[Tensor, ...]: Features (N, C, H / stride, W / stride).
        """
        return tuple(self.backbone(x))


def untrained_model(cfg: Config) -> nn.Module:
    """Build a config's model for inference with its initial weights; the values of weights do not affect the time.

    Args:
        cfg (Config): Config with `model` and, unless it is 'mmengine', `default_scope`.

    Returns:
        nn.Module: The model, in evaluation mode, with SyncBN replaced by BN.

    Raises:
        ConfigError: The config names an unknown type or argument.
    """
    init_default_scope(cfg.get('default_scope', 'mmengine'))
    torch.manual_seed(0)
    with explained(cfg):
        model = revert_sync_batchnorm(MODELS.build(cfg.model))
    model.eval()  # not chained: `eval` of mmdet's MobileNetV2 returns None
    return model


def network_of(entry: Entry, work: Workload, task_of: TaskOf) -> nn.Module:
    """Build the network of a row.

    Args:
        entry (Entry): The row.
        work (Workload): Size of the images, number of threads, and whether the backbone runs alone.
        task_of (Callable[[Config], DeployedTask]): Returns the task of a config.

    Returns:
        nn.Module: The network, in evaluation mode, with frozen weights and named `outputs`.
    """
    cfg = Config.fromfile(entry.config)
    model = untrained_model(cfg)
    if entry.form != 'plain':
        model = exact_form(model, _forms(model, entry, work))
    network = Features(model.backbone) if work.backbone_only else task_of(cfg).deployable(model, raw=True)
    network.eval()  # not chained: `eval` of mmdet's MobileNetV2 returns None
    return network.requires_grad_(False)


def _forms(model: nn.Module, entry: Entry, work: Workload) -> StageForm | dict[int, StageForm]:
    runtime = entry.runtime if entry.runtime in FORMATS else 'torchscript'
    form = default_form(runtime, entry.precision)
    if entry.form == 'exact':
        return form
    return fastest_forms(network_in(model), work.height, work.width, runtime, form, work.threads)


def make_step(entry: Entry, work: Workload, folder: Path, task_of: TaskOf) -> Callable[[], None]:
    """Make the function that a benchmark times: one call of the row's network in its runtime.

    Args:
        entry (Entry): The row.
        work (Workload): Batch size, size of the images in pixels, and number of threads.
        folder (Path): Existing folder for the exported file.
        task_of (Callable[[Config], DeployedTask]): Returns the task of a config.

    Returns:
        Callable[[], None]: Runs the network once on random images (batch, 3, height, width).

    Raises:
        ConfigError: The device is missing, the runtime is not installed, or the runtime does not support the precision.
    """
    if entry.device != 'cpu' and not torch.cuda.is_available():
        raise ConfigError(f"device '{entry.device}' needs a GPU, and torch finds none on this machine: use --devices cpu")
    torch.set_num_threads(work.threads)
    network = network_of(entry, work, task_of)
    pictures = torch.rand(work.batch, 3, work.height, work.width)
    if entry.runtime in ('eager', 'compile'):
        return _torch_step(network, pictures, entry)
    runtime = runtime_of(entry.runtime)
    if entry.precision not in runtime.PRECISIONS:
        raise ConfigError(f"precision '{entry.precision}' cannot be timed with {entry.runtime}: choose from "
                          f'{", ".join(runtime.PRECISIONS[:2])}')
    path = folder / f'{len(list(folder.iterdir()))}{runtime.SUFFIX}'
    runtime.write(FileContent(network, pictures, precision=entry.precision), path)
    run, inputs = runtime.load(path, work.threads, entry.device), pictures.numpy()
    return lambda: run(inputs)


def _torch_step(network: nn.Module, pictures: Tensor, entry: Entry) -> Callable[[], None]:
    kind = TYPES[entry.precision]
    if entry.device == 'cpu' and entry.precision == 'fp16':
        check_half_on_cpu(f'precision fp16 of {entry.runtime}', 'time fp32 or bf16')
    network = network.to(entry.device, kind)
    pictures = pictures.to(entry.device, kind)
    if entry.device != 'cpu':
        pictures = pictures.to(memory_format=torch.channels_last)
        network = network.to(memory_format=torch.channels_last)
    if entry.runtime == 'compile':  # 'reduce-overhead' uses CUDA graphs
        network = torch.compile(network, mode='default' if entry.device == 'cpu' else 'reduce-overhead')

    def step():
        with torch.inference_mode():
            network(pictures)
        if entry.device != 'cpu':
            torch.cuda.synchronize()

    return step


def rows_of(seconds: Mapping[Entry, Sequence[float]]) -> list[dict]:
    """Summarise the times of each row.

    Args:
        seconds (Mapping[Entry, Sequence[float]]): For each row, one time in seconds per round. The first row is the reference
            of the ratios.

    Returns:
        list[dict]: For each row the fields of :class:`Entry` and those of :func:`mmmux.deploy.timing.summarise`.
    """
    return [{**asdict(entry), **row} for entry, row in summarise(seconds).items()]


def make_step_alone(entry: Entry, work: Workload, task_of: TaskOf) -> Callable[[], None]:
    """Make the function of a row as :func:`make_step` does, without a folder: its file is deleted once it is loaded."""
    with tempfile.TemporaryDirectory() as folder:
        return make_step(entry, work, Path(folder), task_of)
