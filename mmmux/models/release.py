"""Convert checkpoints of the authors' release (classification, MUXNet-m and -l) to the keys of this package."""
from collections.abc import Mapping

import torch

from mmmux.checkpoints.pretrained import check_numbers, describe
from mmmux.utils.errors import CheckpointError

from .architectures import ARCHITECTURES, DS, MUX, Architecture
from .backbones import MUXNet

_RELEASED = ('m', 'l')
_CONTAINERS = ('state_dict_ema', 'state_dict')
_IR_NAMES = {
    'conv_pw': 'expand', 'bn1': 'norm1', 'conv_dw': 'conv', 'bn2': 'norm2', 'se.conv_reduce': 'se.reduce',
    'se.conv_expand': 'se.expand', 'conv_pwl': 'project', 'bn3': 'norm3',
}
_DS_NAMES = {
    'conv_dw': 'conv', 'bn1': 'norm1', 'se.conv_reduce': 'se.reduce', 'se.conv_expand': 'se.expand', 'conv_pw': 'project',
    'bn2': 'norm2',
}


def release_key_map(arch: Architecture) -> dict[str, str]:
    """Map each weight prefix of the release's network to the prefix of the same weight in :class:`MUXNet`.

    The release numbers all blocks consecutively (`blocks.<i>.0`); :class:`MUXNet` numbers the blocks of each stage.

    Args:
        arch (Architecture): The architecture of the network.

    Returns:
        dict[str, str]: Release prefix -> :class:`MUXNet` prefix.
    """
    names = {'conv_stem': 'stem.0', 'bn1': 'stem.1'}
    rows = [(stage, position, row) for stage, stage_rows in enumerate(arch.stages) for position, row in enumerate(stage_rows)]
    for index, (stage, position, row) in enumerate(rows):
        ours = f'stages.{stage}.{position}' + ('.block' if isinstance(row, MUX) else '')
        for theirs, name in (_DS_NAMES if isinstance(row, DS) else _IR_NAMES).items():
            names[f'blocks.{index}.0.{theirs}'] = f'{ours}.{name}'
        if not isinstance(row.kernel_size, int):
            for part in range(len(row.kernel_size)):
                names[f'blocks.{index}.0.conv_dw.{part}'] = f'{ours}.conv.convs.{part}'
    names.update({'conv_head': f'stages.{len(arch.stages)}.0', 'bn2': f'stages.{len(arch.stages)}.1'})
    return names


def convert_release_checkpoint(checkpoint: Mapping, source: str) -> dict:
    """Rename the weights of a release checkpoint to the keys of :class:`MUXNet`.

    Args:
        checkpoint (Mapping): A state_dict, or a dict that holds one under `state_dict_ema` (preferred) or `state_dict`. Keys
            may begin with `module.`.
        source (str): Path of the checkpoint file, for error messages.

    Returns:
        dict: `state_dict` with the keys of :class:`MUXNet` and the classifier under `classifier.*`; `meta` with `arch` ('m'
        or 'l') and `source`.

    Raises:
        CheckpointError: The file is not a MUXNet of the release, or a weight is infinite or NaN. The message names the first
            wrong key or shape.
    """
    state = _weights(checkpoint, source)
    complaints = {}
    for name in _RELEASED:
        arch = ARCHITECTURES[name]
        names = release_key_map(arch)
        renamed = {key: _rename(key, names) for key in state}
        converted = {renamed[key]: value for key, value in state.items()}
        with torch.device('meta'):  # only the shapes of the weights are read, so no memory is allocated
            network = MUXNet(arch, out_indices=(len(arch.stages), ))
        wrong = describe(network, converted)
        own = network.state_dict()
        unexpected = [key for key in state if renamed[key] not in own and not key.startswith('classifier.')]
        if not wrong and not unexpected:
            check_numbers(network, converted, source)
            return dict(state_dict=converted, meta=dict(arch=name, source='release'))
        complaints[name] = wrong or f"has {len(unexpected)} unexpected keys, first '{unexpected[0]}'"
    raise CheckpointError(f"{source} is not a MUXNet of the authors' release: " +
                          '; '.join(f'as MUXNet-{name} it {complaint}' for name, complaint in complaints.items()))


def whole_classifier(converted: Mapping, source: str) -> dict:
    """Rename a converted release checkpoint to the keys of mmpretrain's ImageClassifier with a linear head.

    Args:
        converted (Mapping): The return value of :func:`convert_release_checkpoint`.
        source (str): Path of the checkpoint file, for error messages.

    Returns:
        dict: `state_dict` with `backbone.*` and `head.fc.*`; `meta` with `num_classes` added.

    Raises:
        CheckpointError: The classifier is missing, or the shapes of its weight and bias do not fit `head_channels`.
    """
    weight, bias = (converted['state_dict'].get(f'classifier.{leaf}') for leaf in ('weight', 'bias'))
    if weight is None or bias is None:
        raise CheckpointError(f'{source} has no classifier.weight and classifier.bias: convert it without --classifier')
    channels = ARCHITECTURES[converted['meta']['arch']].head_channels
    if weight.ndim != 2 or weight.shape[1] != channels or bias.shape != weight.shape[:1]:
        raise CheckpointError(f'the classifier of {source} must be linear with {channels} input channels, got a weight of '
                              f'shape {tuple(weight.shape)} and a bias of shape {tuple(bias.shape)}: convert the file without '
                              '--classifier')
    state = {key.replace('classifier.', 'head.fc.', 1) if key.startswith('classifier.') else f'backbone.{key}': value
             for key, value in converted['state_dict'].items()}
    return dict(state_dict=state, meta=dict(converted['meta'], num_classes=len(bias)))


def _weights(checkpoint, source: str) -> dict:
    if isinstance(checkpoint, Mapping):
        for container in _CONTAINERS:
            if isinstance(checkpoint.get(container), Mapping):
                checkpoint = checkpoint[container]
                break
    weights = checkpoint.items() if isinstance(checkpoint, Mapping) else ()
    if not weights or not all(isinstance(key, str) and hasattr(value, 'shape') for key, value in weights):
        raise CheckpointError(f'{source} holds no state_dict: expected a dict of tensors, or one under '
                              f"{' or '.join(repr(name) for name in _CONTAINERS)}")
    return {key.removeprefix('module.'): value for key, value in weights}


def _rename(key: str, names: dict[str, str]) -> str:
    prefix, _, leaf = key.rpartition('.')
    return f'{names[prefix]}.{leaf}' if prefix in names else key
