"""Select the fastest exact form of each stage of a MUXNet by measurement in the runtime that will run the network."""
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from operator import truediv
from pathlib import Path
from statistics import median

import torch
from torch import Tensor, nn

from mmmux.deploy.exact.depthwise import can_be_cut
from mmmux.deploy.exact.stage import exact_stage
from mmmux.deploy.exact.stage_form import StageForm
from mmmux.models import MUXNet
from mmmux.models.layers import ChannelMux, InvertedResidual, SqueezeExcite
from mmmux.models.layers.mixed_conv import MixedConv
from mmmux.models.layers.pair_conv import PairConv
from mmmux.utils.errors import ConfigError

from .runtimes import runtime_of
from .timing import timed

WORTH_IT = 0.97  # select a form whose time is below this fraction of the default's; a smaller gain is noise
REPEATS = 3  # copies of a stage in the timed file: they reduce the share of the time that input and output take


class _Branches(nn.Module):
    """Run several copies of a stage on scaled copies of one input, and return one sum per copy, so that the output is small."""
    outputs = ('sums', )

    def __init__(self, stages: Iterable[nn.Module]):
        super().__init__()
        self.stages = nn.ModuleList(stages)

    def forward(self, x: Tensor) -> tuple[Tensor]:
        return (torch.stack([stage(x * (number + 1)).sum() for number, stage in enumerate(self.stages)]), )


def network_in(model: nn.Module) -> MUXNet:
    """Return the first MUXNet in a model.

    Args:
        model (nn.Module): Any model.

    Returns:
        MUXNet: The network itself, not a copy.

    Raises:
        ConfigError: The model has no MUXNet.
    """
    for module in model.modules():
        if isinstance(module, MUXNet):
            return module
    raise ConfigError(f'forms are measured for the stages of MUXNet, and there is none in this {type(model).__name__}')


@torch.no_grad()
def fastest_forms(network: MUXNet, height: int, width: int, runtime: str, default: StageForm, threads: int | None = None,
                  rounds: int = 30) -> dict[int, StageForm]:
    """Measure the fastest form of each stage.

    Each round times, in turn, a stage's default form and the forms that differ from it in one attribute. Each attribute affects
    another part of a block, so the attributes that are faster alone are combined without measuring the combination.

    Args:
        network (MUXNet): Network in evaluation mode.
        height (int): Height of the images, in pixels.
        width (int): Width of the images, in pixels.
        runtime (str): 'onnx', 'openvino' or 'torchscript'.
        default (StageForm): Form to start from. `spread` is tried only if it is True in this form.
        threads (int | None): Processor threads. Default: None, the runtime's own choice.
        rounds (int): Timed rounds; untimed rounds come before. Default: 30.

    Returns:
        dict[int, StageForm]: Number and form of each stage that has several forms, for :func:`.exact.form.exact_form`.

    Raises:
        ConfigError: The runtime is unknown or not installed.
    """
    chosen = {}
    module = runtime_of(runtime)
    x = network.stem(torch.rand(1, 3, height, width))
    for number, stage in enumerate(list(network.stages)[:len(network.arch.stages)]):
        out = stage(x)
        first = replace(default, in_place=default.is_in_place(out.shape[1]))
        others = {name: replace(first, **{name: not getattr(first, name)}) for name in choices(stage, default.spread)}
        if others:
            seconds = _seconds(stage, x, [first, *others.values()], module, threads, rounds)
            # Ratios within a round, because other load on the machine affects all forms of a round alike.
            ratio = {name: median(map(truediv, seconds[form], seconds[first])) for name, form in others.items()}
            faster = [name for name in others if ratio[name] < WORTH_IT]
            chosen[number] = replace(first, **{name: getattr(others[name], name) for name in faster})
        x = out
    return chosen


def choices(stage: nn.Module, spreads: bool) -> list[str]:
    """List the attributes of :class:`.exact.stage_form.StageForm` that change how a stage is computed.

    Args:
        stage (nn.Module): Trained stage.
        spreads (bool): Whether the list may contain 'spread'.

    Returns:
        list[str]: Names of attributes.
    """
    matters = dict(in_place=ChannelMux, merged=MixedConv, halved=PairConv, spread=SqueezeExcite if spreads else ())
    names = [name for name, kinds in matters.items() if any(isinstance(module, kinds) for module in stage.modules())]
    steps = (module.conv for module in stage.modules() if isinstance(module, InvertedResidual))
    return [*names, 'cut'] if any(map(can_be_cut, steps)) else names


def _seconds(stage: nn.Module, x: Tensor, forms: list[StageForm], runtime, threads: int | None,
             rounds: int) -> dict[StageForm, list[float]]:
    pictures, steps = x.numpy(), {}
    with tempfile.TemporaryDirectory() as folder:
        for number, form in enumerate(forms):
            path = Path(folder) / f'{number}{runtime.SUFFIX}'
            copies = _Branches(exact_stage(stage, torch.arange(x.shape[1]), form)[0] for _ in range(REPEATS))
            runtime.write(copies.to(memory_format=torch.channels_last).eval(), x, path, {})
            steps[form] = partial(runtime.load(path, threads, 'cpu'), pictures)
        return timed(steps, rounds)
