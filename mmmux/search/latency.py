"""Latency of a network relative to a reference network's, measured side by side."""
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

from mmmux.deploy.benchmark import Features, timed, untrained_model
from mmmux.deploy.deployed_task import DeployedTask
from mmmux.deploy.exact.form import exact_form
from mmmux.deploy.exact.stage_form import IN_RUNTIMES, StageForm
from mmmux.deploy.runtimes import runtime_of
from mmmux.models import Architecture, MUXNet, get_architecture
from mmmux.utils.errors import ConfigError

from .space_config import check_keys

Build = Callable[[], nn.Module]


@dataclass(frozen=True)
class LatencySettings:
    """How latency is measured: the field `latency` of a search.

    Args:
        runtime: 'onnx', 'openvino' or 'torchscript', on the CPU.
        threads: of the runtime.
        reference: a name or table of the network that has latency 1, as `arch` of :class:`mmmux.models.MUXNet` takes it.
        rounds: in each of which both networks run once.
    """
    runtime: str
    threads: int = 1
    reference: str | Mapping = 'm'
    rounds: int = 50

    @classmethod
    def read(cls, config: Mapping) -> 'LatencySettings':
        """Check what a config says.

        Raises:
            ConfigError: a key or value is not known, or the runtime is not installed.
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
    """Time of one network's exact form over another's: the median over rounds in which one picture runs through both in turn.

    A round's two times share whatever else the machine does, so that their ratio hardly depends on it.

    Args:
        build: makes the network, an exact form with named `outputs`; see :func:`task_network` and :func:`backbone_network`.
        build_reference: makes the other.
        size: height and width of the picture.
        settings: runtime, threads and rounds.
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
    """Build the exact form of a config's whole model, without non-maximum suppression, arg max and softmax."""
    imports = cfg.get('custom_imports')
    if imports:
        import_modules_from_strings(**imports)
    return task.deployable(exact_form(untrained_model(cfg), form), raw=True).eval().requires_grad_(False)


def backbone_network(arch: Architecture, form: StageForm = IN_RUNTIMES) -> nn.Module:
    """The exact form of a backbone alone, up to its head convolution."""
    torch.manual_seed(0)
    network = MUXNet(arch, out_indices=(len(arch.stages), ))
    network.eval()
    return Features(exact_form(network, form)).eval().requires_grad_(False)


def measured_apart(build: Build, build_reference: Build, size: tuple[int, int], settings: LatencySettings,
                   time_limit: float | None = None) -> float:
    """:func:`relative_latency` in a process of its own, which may crash and whose threads are its own.

    Args:
        build, build_reference: as there; they must be picklable.
        size, settings: as there.
        time_limit: in seconds.

    Raises:
        RuntimeError: it died, took too long or failed; the message says so in a line.
        ConfigError: the user's mistake.
    """
    processes = get_context('spawn')
    receiving, sending = processes.Pipe(duplex=False)
    process = processes.Process(target=_send_latency, args=(sending, build, build_reference, size, settings), daemon=True)
    process.start()
    sending.close()  # else the end of the process would not end the pipe
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
