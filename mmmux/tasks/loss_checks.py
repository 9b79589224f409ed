"""Check the losses of heads in a config against the number of values that the heads score."""
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from mmengine.fileio import load

from mmmux.config.type_name import type_name
from mmmux.utils.errors import ConfigError


def check_class_weights(model: Mapping, scored: Callable[[Mapping, Mapping], int]) -> None:
    """Check that each `class_weight` of a loss has a weight for each value that its head scores.

    Args:
        model: the config of the model.
        scored: from the configs of a head, which has `num_classes`, and of a loss to the number of weights.

    Raises:
        ConfigError: a loss has another number of weights.
    """
    for key, head in _with('num_classes', model, 'model'):
        for place, loss in _with('class_weight', head, key, stop='num_classes'):
            weights = _read(loss['class_weight'])
            if weights is not None and len(weights) != scored(head, loss):
                raise ConfigError(f'{place}.class_weight has {len(weights)} weights, {list(weights)}, and {key} with '
                                  f'num_classes={head["num_classes"]} scores {scored(head, loss)} values: give a '
                                  'weight for each, in the order of the classes')


def check_one_channel(model: Mapping) -> None:
    """Check that a segmentor's head with one output channel has no softmax loss: the softmax of one value is always 1.

    Args:
        model: the config of a model of mmseg.

    Raises:
        ConfigError: a head scores one channel, and one of its losses is a cross-entropy without sigmoid.
    """
    for key, head in _with('num_classes', model, 'model'):
        losses = head.get('loss_decode', dict(type='CrossEntropyLoss'))
        for loss in losses if isinstance(losses, (list, tuple)) else [losses]:
            softmax = type_name(loss) == 'CrossEntropyLoss' and not loss.get('use_sigmoid')
            if softmax and channels(head) == 1:
                how = 'out_channels' if head.get('out_channels') else 'num_classes'
                advice = 'set use_sigmoid=True in the loss and a threshold' if head['num_classes'] > 1 else (
                    "name two classes, such as ('background', 'object'), set num_classes=2, and number the label maps so")
                raise ConfigError(f'{key}.{how} is 1 and its loss_decode a CrossEntropyLoss without sigmoid, whose softmax of '
                                  f'one value is always 1, so that nothing is learnt: {advice}')


def channels(head: Mapping) -> int:
    """Return the number of output channels of a segmentor's head."""
    return head.get('out_channels') or head['num_classes']


def _with(name: str, node: Any, key: str, stop: str = '') -> Iterator[tuple[str, Mapping]]:
    """Yield the key and content of every dict that has a name, and not those inside inner dicts that have the name `stop`."""
    if isinstance(node, Mapping):
        if name in node:
            yield key, node
        for inner, value in node.items():
            if not (stop and isinstance(value, Mapping) and stop in value):
                yield from _with(name, value, f'{key}.{inner}', stop)
    elif isinstance(node, (list, tuple)):
        for index, value in enumerate(node):
            yield from _with(name, value, f'{key}.{index}', stop)


def _read(weights: Any) -> Any:
    """Return class weights as a list, if they are in a file as mmseg accepts it, or None if they are not a list."""
    if isinstance(weights, str) and weights.endswith('.npy'):
        weights = np.load(weights).tolist()
    elif isinstance(weights, str) and weights.endswith('.json'):
        weights = load(weights)
    return weights if isinstance(weights, (list, tuple)) else None
