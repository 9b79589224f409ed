"""Parameters and multiply-adds of a model, in all and by part."""
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from mmmux.config.load import innermost_dataset
from mmmux.config.suggestions import explained
from mmmux.models import Architecture, MUXNet
from mmmux.models.layers.export_mode import export_mode
from mmmux.utils.errors import ConfigError


@dataclass(frozen=True)
class Complexity:
    """What a model, or a part of one, costs.

    Attributes:
        params: number of trainable and frozen parameters.
        macs: multiply-adds of convolutions and linear layers for one picture. Normalisation, activations and the products
            inside SE are not counted, as in the paper.
    """
    params: int
    macs: int


def model_complexity(cfg: Config, height: int, width: int) -> dict[str, Complexity]:
    """Build the model of a config and count it on one picture of height x width pixels.

    Returns:
        dict: for each part that runs at inference (`backbone`, `neck`, `bbox_head`, ...) and for `total`. Parts that only
        train, such as auxiliary heads, have parameters and no multiply-adds.
    """
    init_default_scope(cfg.get('default_scope', 'mmengine'))
    with explained(cfg):
        model = MODELS.build(cfg.model)
    return count(model.to('meta'), height, width)  # shapes alone, which takes a fraction of the time


def count(model: nn.Module, height: int, width: int) -> dict[str, Complexity]:
    """As :func:`model_complexity`, for a model that is built already."""
    model.eval()
    counter = FlopCounterMode(display=False)
    macs: dict[str, int] = {}
    handles = []
    for name, part in _parts(model).items():
        handles += _count_part(part, name, counter, macs)
    with torch.no_grad(), counter, export_mode():
        model(torch.zeros(1, 3, height, width, device=next(model.parameters()).device))
    for handle in handles:
        handle.remove()
    parts = {name: Complexity(_params(part), macs.get(name, 0)) for name, part in _parts(model).items()}
    return {**parts, 'total': Complexity(_params(model), counter.get_total_flops() // 2)}


def classifier_complexity(arch: Architecture, classes: int = 1000, size: int = 224) -> Complexity:
    """A network of the family as a classifier, counted on one picture of size x size pixels."""
    network = MUXNet(arch, out_indices=(len(arch.stages), ))
    classifier = nn.Sequential(network, _LastMean(), nn.Linear(arch.head_channels, classes))
    return count(classifier.to('meta'), size, size)['total']


class _LastMean(nn.Module):

    def forward(self, features: tuple[Tensor, ...]) -> Tensor:
        return features[-1].mean((2, 3))


def _parts(model: nn.Module) -> dict[str, nn.Module]:
    return {name: part for name, part in model.named_children() if _params(part)}


def _count_part(part: nn.Module, name: str, counter: FlopCounterMode, macs: dict[str, int]) -> list:
    # The counter's own breakdown by module changed between torch versions; its running total did not. Only the leaves are
    # watched: mm's models call a head's `forward` directly, which passes by the head's own hooks.
    def before(*_):
        macs[name] = macs.get(name, 0) - counter.get_total_flops() // 2

    def after(*_):
        macs[name] += counter.get_total_flops() // 2

    leaves = [module for module in part.modules() if not list(module.children())]
    return [handle for leaf in leaves for handle in
            (leaf.register_forward_pre_hook(before), leaf.register_forward_hook(after))]


def _params(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def input_shape(cfg: Config) -> tuple[int, int]:
    """The (height, width) that stands for a config: what its test pipeline resizes to or crops, else what its training crops.

    Where a pipeline only says the shorter edge, a square of that.

    Raises:
        ConfigError: neither has a fixed size.
    """
    for transform in [*_pipeline(cfg, 'test_dataloader'), *_pipeline(cfg, 'train_dataloader')]:
        if transform['type'] == 'Resize' and 'scale' in transform and not transform.get('keep_ratio'):
            width, height = _pair(transform['scale'])
            return height, width
        if transform['type'] in ('RandomCrop', 'CenterCrop'):
            return _pair(transform['crop_size'])
    for transform in _pipeline(cfg, 'test_dataloader'):
        if transform['type'] == 'ResizeShortestEdge':
            return _pair(min(_pair(transform['scale'])))
    raise ConfigError("the config's pipelines have no Resize to a fixed scale and no RandomCrop: give the size with --shape "
                      'HEIGHT WIDTH')


def _pipeline(cfg: Config, loader: str) -> list[dict]:
    return innermost_dataset(cfg[loader]).get('pipeline', []) if cfg.get(loader) else []


def _pair(size: int | Sequence[int]) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else tuple(size)
