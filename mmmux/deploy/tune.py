"""Which exact form of each stage is the fastest: measured here, in the runtime that will run it."""
import tempfile
import time
from collections.abc import Iterable
from dataclasses import replace
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

WORTH_IT = 0.97  # of the default's time: less is noise
REPEATS = 3  # of a stage in the file that is timed, so that reading and writing its input and output weigh less


class _Branches(nn.Module):
    """A stage several times on the same input, with a small output."""
    outputs = ('sums', )

    def __init__(self, stages: Iterable[nn.Module]):
        super().__init__()
        self.stages = nn.ModuleList(stages)

    def forward(self, x: Tensor) -> tuple[Tensor]:
        return (torch.stack([stage(x * (number + 1)).sum() for number, stage in enumerate(self.stages)]), )


def network_in(model: nn.Module) -> MUXNet:
    """The MUXNet in a model.

    Raises:
        ConfigError: there is none.
    """
    for module in model.modules():
        if isinstance(module, MUXNet):
            return module
    raise ConfigError(f'forms are measured for the stages of MUXNet, and there is none in this {type(model).__name__}')


@torch.no_grad()
def fastest_forms(network: MUXNet, height: int, width: int, runtime: str, default: StageForm, threads: int | None = None,
                  rounds: int = 30) -> dict[int, StageForm]:
    """Find the fastest form of each stage, by time.

    A stage's default form and those that differ from it in one attribute are timed in turn within each round. Each attribute is
    about another part of a block, so that what is faster alone is taken together.

    Args:
        network: in evaluation.
        height, width: of the pictures, in pixels.
        runtime: as `tools/export.py --format`.
        default: the form to begin with; gates are spread only where they are in it.
        threads: of the processor; None takes what the runtime takes.
        rounds: timed ones.

    Returns:
        dict: the form of each stage that has several, for :func:`.exact_form.exact_form`.
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
            # Within a round, what else the machine does falls on all alike.
            ratio = {name: median(map(truediv, seconds[form], seconds[first])) for name, form in others.items()}
            faster = [name for name in others if ratio[name] < WORTH_IT]
            chosen[number] = replace(first, **{name: getattr(others[name], name) for name in faster})
        x = out
    return chosen


def choices(stage: nn.Module, spreads: bool) -> list[str]:
    """The attributes of :class:`StageForm` that make a difference to a trained stage; `spread` only where `spreads`."""
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
            steps[form] = runtime.load(path, threads, 'cpu')
        seconds = {form: [] for form in forms}
        for number in range(-2, rounds):
            for form, step in steps.items():
                start = time.perf_counter()
                step(pictures)
                if number >= 0:
                    seconds[form].append(time.perf_counter() - start)
    return seconds
