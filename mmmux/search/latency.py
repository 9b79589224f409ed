"""Measure the latency of a network relative to that of a reference network, side by side."""
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from statistics import median

import torch
from mmengine.config import Config
from mmengine.utils import import_modules_from_strings
from torch import nn

from mmmux.deploy.benchmark import Features, untrained_model
from mmmux.deploy.deployed_task import DeployedTask
from mmmux.deploy.exact.form import exact_form
from mmmux.deploy.exact.stage_form import IN_RUNTIMES, StageForm
from mmmux.deploy.runtimes import runtime_of
from mmmux.deploy.timing import timed
from mmmux.models import Architecture, MUXNet, get_architecture
from mmmux.utils.errors import ConfigError

from .space_config import check_keys

Build = Callable[[], nn.Module]


@dataclass(frozen=True)
class LatencySettings:
    """How to measure latency: the field `latency` of a search.

    Args:
        runtime (str): 'onnx', 'openvino' or 'torchscript'; the networks run on the CPU.
        threads (int): Processor threads. Default: 1.
        reference (str | Mapping): Name or table of the network whose latency counts as 1, as `arch` of
            :class:`mmmux.models.MUXNet`. Default: 'm'.
        rounds (int): Timed rounds; each runs both networks once. Default: 50.
    """
    runtime: str
    threads: int = 1
    reference: str | Mapping = 'm'
    rounds: int = 50

    @classmethod
    def read(cls, config: Mapping) -> 'LatencySettings':
        """Read and check the field `latency` of a search.

        Args:
            config (Mapping): The field.

        Returns:
            LatencySettings: The checked settings.

        Raises:
            ConfigError: A key or a value is invalid, or the runtime is not installed.
        """
        check_keys(config, [field.name for field in fields(cls)], 'search.latency')
        if 'runtime' not in config:
            raise ConfigError("search.latency needs 'runtime', e.g. dict(runtime='onnx', threads=1, reference='m')")
        settings = cls(**config)
        runtime_of(settings.runtime)
        get_architecture(settings.reference)
        for name in ('threads', 'rounds'):
            value = getattr(settings, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ConfigError(f'search.latency.{name} must be a whole number from 1 up, got {value!r}')
        return settings


def relative_latency(build: Build, build_reference: Build, size: tuple[int, int], settings: LatencySettings) -> float:
    """Measure the time of a network's exact form divided by that of another one's.

    Each round runs one image through both networks in turn. The result is the median of the rounds' ratios, because other load
    on the machine affects both times of a round alike and hardly changes their ratio.

    Args:
        build (Callable[[], nn.Module]): Builds the network, an exact form with named `outputs`; see :func:`task_network` and
            :func:`backbone_network`.
        build_reference (Callable[[], nn.Module]): Builds the reference network.
        size (tuple[int, int]): Height and width of the image, in pixels.
        settings (LatencySettings): Runtime, threads and rounds.

    Returns:
        float: The ratio; 1 is as fast as the reference, less is faster.
    """
    runtime = runtime_of(settings.runtime)
    torch.set_num_threads(settings.threads)
    pictures = torch.rand(1, 3, *size)
    steps = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, make in (('network', build), ('reference', build_reference)):
            path = Path(folder) / f'{name}{runtime.SUFFIX}'
            runtime.write(make(), pictures, path, {})
            steps[name] = partial(runtime.load(path, settings.threads, 'cpu'), pictures.numpy())
        seconds = timed(steps, settings.rounds)
    return median(ours / theirs for ours, theirs in zip(seconds['network'], seconds['reference']))


def task_network(cfg: Config, task: DeployedTask, form: StageForm = IN_RUNTIMES) -> nn.Module:
    """Build the exact form of a config's whole model, without non-maximum suppression, arg max and softmax.

    Args:
        cfg (Config): Config with `model`.
        task (DeployedTask): Task of the config.
        form (StageForm): How to compute the stages of MUXNet. Default: `IN_RUNTIMES`.

    Returns:
        nn.Module: The model, in evaluation mode, with frozen initial weights and named `outputs`.
    """
    imports = cfg.get('custom_imports')
    if imports:
        import_modules_from_strings(**imports)
    return task.deployable(exact_form(untrained_model(cfg), form), raw=True).eval().requires_grad_(False)


def backbone_network(arch: Architecture, form: StageForm = IN_RUNTIMES) -> nn.Module:
    """Build the exact form of a backbone up to its head convolution.

    Args:
        arch (Architecture): Architecture of the backbone.
        form (StageForm): How to compute the stages. Default: `IN_RUNTIMES`.

    Returns:
        nn.Module: The backbone, in evaluation mode, with frozen initial weights and named `outputs`.
    """
    torch.manual_seed(0)
    network = MUXNet(arch, out_indices=(len(arch.stages), ))
    network.eval()
    return Features(exact_form(network, form)).eval().requires_grad_(False)


def measured_apart(build: Build, build_reference: Build, size: tuple[int, int], settings: LatencySettings,
                   time_limit: float | None = None) -> float:
    """Call :func:`relative_latency` in a separate process, which may crash and has its own threads.

    Args:
        build (Callable[[], nn.Module]): Builds the network; must be picklable.
        build_reference (Callable[[], nn.Module]): Builds the reference network; must be picklable.
        size (tuple[int, int]): Height and width of the image, in pixels.
        settings (LatencySettings): Runtime, threads and rounds.
        time_limit (float | None): Longest duration, in seconds. Default: None, no limit.

    Returns:
        float: Latency divided by the reference network's.

    Raises:
        RuntimeError: The process died, exceeded the time limit or failed; the message is one line.
        ConfigError: The runtime cannot run the networks, or a config is invalid.
    """
    processes = get_context('spawn')
    receiving, sending = processes.Pipe(duplex=False)
    process = processes.Process(target=_send_latency, args=(sending, build, build_reference, size, settings), daemon=True)
    process.start()
    sending.close()  # otherwise `poll` would not see the end of the process
    try:
        if not receiving.poll(time_limit):
            raise RuntimeError(f'measuring latency took more than {time_limit:g} s')
        result = receiving.recv()
    except EOFError:
        process.join()
        raise RuntimeError(f'measuring latency ended with status {process.exitcode}') from None
    finally:
        process.kill()
        process.join()
        receiving.close()
    if isinstance(result, ConfigError):
        raise result
    if isinstance(result, str):
        raise RuntimeError(f'measuring latency failed: {result}')
    return result


def _send_latency(sending, *arguments) -> None:
    try:
        sending.send(relative_latency(*arguments))
    except ConfigError as error:
        sending.send(error)
    except Exception as error:
        told = str(error).strip().splitlines() or ['']
        sending.send(f'{type(error).__name__}: {told[0]}')
