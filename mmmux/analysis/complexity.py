"""Count the parameters and multiply-adds of a model and of its parts."""
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
    """The cost of a model or of one of its parts.

    Attributes:
        params: number of parameters, trainable and frozen.
        macs: multiply-adds of the convolutions and linear layers for one image. As in the paper, normalisation, activations
            and the products inside squeeze-and-excitation are not counted.
    """
    params: int
    macs: int


def model_complexity(cfg: Config, height: int, width: int) -> dict[str, Complexity]:
    """Build the model of a config, and count its parameters and multiply-adds.

    Args:
        cfg (Config): config of the model.
        height (int): height of the input image in pixels.
        width (int): width of the input image in pixels.

    Returns:
        dict[str, Complexity]: for each part (`backbone`, `neck`, `bbox_head`, ...) and for `total`. Parts that are used in
        training only, for example auxiliary heads, have parameters and no multiply-adds.

    Raises:
        UserError: the model cannot be built.
    """
    init_default_scope(cfg.get('default_scope', 'mmengine'))
    with explained(cfg):
        model = MODELS.build(cfg.model)
    return _count_shapes(model, height, width)


def _count_shapes(model: nn.Module, height: int, width: int) -> dict[str, Complexity]:
    """Count a model on the meta device, which computes shapes only and is much faster; the model's weights are lost."""
    try:
        return count(model.to('meta'), height, width)
    except RuntimeError:  # an operator lacks a meta kernel, or the shapes do not fit: on the CPU the message names the channels
        return count(model.to_empty(device='cpu'), height, width)


def count(model: nn.Module, height: int, width: int) -> dict[str, Complexity]:
    """Count the parameters and multiply-adds of a built model; see :func:`model_complexity`.

    Args:
        model (nn.Module): the model; it is set to evaluation mode.
        height (int): height of the input image in pixels.
        width (int): width of the input image in pixels.
    """
    model.eval()
    counter = FlopCounterMode(display=False)
    macs: dict[str, int] = {}
    handles = []
    for name, part in _parts(model).items():
        handles += _count_part(part, name, counter, macs)
    with torch.no_grad(), counter, export_mode():
        model(torch.zeros(1, _channels(model), height, width, device=next(model.parameters()).device))
    for handle in handles:
        handle.remove()
    parts = {name: Complexity(_params(part), macs.get(name, 0)) for name, part in _parts(model).items()}
    return {**parts, 'total': Complexity(_params(model), counter.get_total_flops() // 2)}


def _channels(model: nn.Module) -> int:
    """Return the number of channels of a model's images: those of its first convolution, or 3."""
    return next((module.in_channels for module in model.modules() if isinstance(module, nn.Conv2d)), 3)


def classifier_complexity(arch: Architecture, classes: int = 1000) -> Complexity:
    """Count a network as a classifier of 224 x 224 pixels: MUXNet, global average pooling and a linear layer.

    Args:
        arch (Architecture): the network.
        classes (int): number of classes. Default: 1000.
    """
    network = MUXNet(arch, out_indices=(len(arch.stages), ))
    classifier = nn.Sequential(network, _LastMean(), nn.Linear(arch.head_channels, classes))
    return _count_shapes(classifier, 224, 224)['total']


class _LastMean(nn.Module):

    def forward(self, features: tuple[Tensor, ...]) -> Tensor:
        return features[-1].mean((2, 3))


def _parts(model: nn.Module) -> dict[str, nn.Module]:
    return {name: part for name, part in model.named_children() if _params(part)}


def _count_part(part: nn.Module, name: str, counter: FlopCounterMode, macs: dict[str, int]) -> list:
    # The counter's own breakdown by module changed between torch versions; its running total did not. The hooks are on the
    # leaf modules, because OpenMMLab's models call a head's `forward` directly, which skips the head's own hooks.
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
    """Return the input size of a config's model in pixels.

    The size is that of the first Resize without `keep_ratio`, RandomCrop or CenterCrop in the test pipeline, else in the
    training pipeline. Without a crop, it is a square with the side of the test pipeline's ResizeShortestEdge.

    Args:
        cfg (Config): config of a training or a test.

    Returns:
        tuple[int, int]: (height, width).

    Raises:
        ConfigError: the pipelines have no fixed size.
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
    raise ConfigError('the pipelines of test_dataloader and train_dataloader have no Resize to a fixed scale and no RandomCrop '
                      'or CenterCrop: give the size of the pictures with --shape HEIGHT WIDTH')


def _pipeline(cfg: Config, loader: str) -> list[dict]:
    return innermost_dataset(cfg[loader]).get('pipeline', []) if cfg.get(loader) else []


def _pair(size: int | Sequence[int]) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else tuple(size)
