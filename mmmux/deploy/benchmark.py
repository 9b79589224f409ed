"""Time several models in several runtimes side by side."""
import multiprocessing
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median, quantiles

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
from .runtimes import FORMATS, default_form, runtime_of
from .tune import fastest_forms, network_in

RUNTIMES = ('eager', 'compile', 'onnx', 'openvino')
FORMS = ('plain', 'exact', 'tuned')
TYPES = {'fp32': torch.float32, 'fp16': torch.float16, 'bf16': torch.bfloat16}
TaskOf = Callable[[Config], DeployedTask]
WIDE = 0.15  # largest (third - first quartile) / median of a conclusive row; a wider spread is noise of a shared machine


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
        """Map images (N, 3, H, W) to a tuple of features (N, C, H / stride, W / stride)."""
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
        raise ConfigError(f'device {entry.device} is asked for and torch sees no GPU')
    torch.set_num_threads(work.threads)
    network = network_of(entry, work, task_of)
    pictures = torch.rand(work.batch, 3, work.height, work.width)
    if entry.runtime in ('eager', 'compile'):
        return _torch_step(network, pictures, entry)
    runtime = runtime_of(entry.runtime)
    if entry.precision not in runtime.PRECISIONS:
        raise ConfigError(f'{entry.runtime} is timed in {", ".join(runtime.PRECISIONS[:2])}, not in {entry.precision}')
    path = folder / f'{len(list(folder.iterdir()))}{runtime.SUFFIX}'
    runtime.write(network, pictures, path, {}, precision=entry.precision)
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


def summarise(seconds: Mapping[Entry, Sequence[float]]) -> list[dict]:
    """Summarise the times of each row.

    `ratio_quartiles` are quartiles of the ratios within a round, on which slow minutes of the machine have no effect.

    Args:
        seconds (Mapping[Entry, Sequence[float]]): For each row, one time in seconds per round. The first row is the reference
            of the ratios.

    Returns:
        list[dict]: One dict per row: the fields of :class:`Entry`; `median_ms` and `quartiles_ms` (first and third), in
        milliseconds; `ratio`, the row's median over the first row's; `ratio_quartiles`; and `conclusive`, whether the
        interquartile range is at most `WIDE` times the median.
    """
    first = next(iter(seconds.values()))
    rows = []
    for entry, times in seconds.items():
        low, middle, high = quantiles(times, n=4, method='inclusive')
        by_round = quantiles([time / other for time, other in zip(times, first)], n=4, method='inclusive')
        rows.append(dict(
            **asdict(entry),
            median_ms=round(middle * 1e3, 3),
            quartiles_ms=[round(low * 1e3, 3), round(high * 1e3, 3)],
            ratio=round(middle / median(first), 3),
            ratio_quartiles=[round(by_round[0], 3), round(by_round[2], 3)],
            conclusive=(high - low) / middle <= WIDE))
    return rows


def peak_mib(entry: Entry, work: Workload, task_of: TaskOf) -> int:
    """Measure the peak memory of a row in a separate process, without its libraries and weights.

    The value is resident memory on a CPU (Linux only), and memory that torch allocates on a GPU.

    Args:
        entry (Entry): The row.
        work (Workload): Batch size, size of the images in pixels, and number of threads.
        task_of (Callable[[Config], DeployedTask]): Returns the task of a config; must be picklable.

    Returns:
        int: Peak memory minus the memory in use before the first call, in MiB.

    Raises:
        ConfigError: The process died, for example for lack of memory.
    """
    processes = multiprocessing.get_context('spawn')
    answer = processes.Queue()
    process = processes.Process(target=_peak, args=(entry, work, task_of, answer))
    process.start()
    process.join()
    if process.exitcode:
        raise ConfigError(f'{entry} ended with status {process.exitcode}: out of memory?')
    return answer.get()


def _peak(entry: Entry, work: Workload, task_of: TaskOf, answer) -> None:
    with tempfile.TemporaryDirectory() as folder:
        step = make_step(entry, work, Path(folder), task_of)
        before = _memory('VmRSS', torch.cuda.memory_allocated, entry.device)
        for _ in range(2):
            step()
        answer.put(_memory('VmHWM', torch.cuda.max_memory_allocated, entry.device) - before)


def _memory(field: str, allocated: Callable[[], int], device: str) -> int:
    if device != 'cpu':
        return allocated() // 2**20
    return int(re.search(rf'{field}:\s+(\d+) kB', Path('/proc/self/status').read_text())[1]) // 2**10
