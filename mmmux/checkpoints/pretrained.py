"""Telling a checkpoint of another model before it is half loaded."""
from collections.abc import Mapping

import torch
from mmengine.runner import CheckpointLoader
from torch import nn

from mmmux.utils.errors import CheckpointError, in_a_line


def check_pretrained(module: nn.Module) -> None:
    """Check that each `Pretrained` entry of a module's `init_cfg` names a checkpoint of this very module.

    Loading in mmengine is lenient: whatever does not fit is logged and skipped. Keys beyond the module's own (a classifier,
    stages that were not built) are fine; a missing or differently shaped one is not.

    Raises:
        CheckpointError: something is missing or has another shape.
    """
    init_cfgs = [module.init_cfg] if isinstance(module.init_cfg, Mapping) else module.init_cfg or []
    for init_cfg in init_cfgs:
        if init_cfg['type'] in ('Pretrained', 'PretrainedInit'):
            name = init_cfg['checkpoint']
            checkpoint = CheckpointLoader.load_checkpoint(name, map_location='cpu', logger='silent')
            prefix = init_cfg.get('prefix')
            if not prefix:
                state = state_dict_of(checkpoint, name)
            else:  # here mmengine looks for the prefix alone, without taking off `module.`
                state = _weights(checkpoint, name)
                prefix = prefix.rstrip('.') + '.'
                if not any(key.startswith(prefix) for key in state):
                    raise CheckpointError(f"checkpoint {name} (init_cfg of {type(module).__name__}) has no weights under "
                                          f"prefix '{prefix}': it begins with '{in_a_line(next(iter(state)))}'")
                state = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
            complaint = describe(module, state)
            if complaint and not prefix and any(key.startswith('backbone.') for key in state):
                complaint = "is of a whole model: add prefix='backbone.' to init_cfg"
            if complaint:
                raise CheckpointError(f'checkpoint {name} (init_cfg of {type(module).__name__}) {complaint}')
            check_numbers(module, state, name)


def check_numbers(module: nn.Module, state: Mapping, name) -> None:
    """Check that the weights which fit a module are numbers: one NaN, and everything that a network computes is NaN.

    Args:
        module: whose weights are asked for; those of other names or shapes are not looked at.
        state: a state_dict.
        name: the file it came from, for the message.

    Raises:
        CheckpointError: a weight is infinite, NaN, or of another kind than the module's; the message names the first one.
    """
    for key, own in module.state_dict().items():
        weight = state.get(key)
        if key.endswith('num_batches_tracked') or getattr(weight, 'shape', None) != own.shape:
            continue
        plain = isinstance(weight, torch.Tensor) and weight.layout == torch.strided and not weight.is_meta
        if not plain or weight.is_quantized or weight.is_floating_point() != own.is_floating_point():
            kind = f'of {weight.dtype}' if hasattr(weight, 'dtype') else f'a {type(weight).__name__}'
            raise CheckpointError(f"checkpoint {name} cannot be used: its '{key}' is {kind} and not a plain tensor of "
                                  f'{own.dtype}')
        wrong = weight.numel() - int(torch.isfinite(weight.float()).sum())
        if wrong:
            raise CheckpointError(f"checkpoint {name} is of a training that went wrong, or is damaged: {wrong} of "
                                  f"{weight.numel()} numbers of its '{key}' are infinite or NaN")


def state_dict_of(checkpoint, name) -> Mapping:
    """The weights inside a loaded checkpoint, with DistributedDataParallel's `module.` taken off.

    Raises:
        CheckpointError: there are none.
    """
    return {key.removeprefix('module.'): value for key, value in _weights(checkpoint, name).items()}


def dataset_meta_of(checkpoint: Mapping) -> Mapping:
    """What a loaded checkpoint tells of the data it was trained on, such as `classes`; nothing where it tells nothing."""
    meta = checkpoint.get('meta')
    meta = meta.get('dataset_meta') if isinstance(meta, Mapping) else None
    return meta if isinstance(meta, Mapping) else {}


def _weights(checkpoint, name) -> Mapping:
    state = checkpoint.get('state_dict', checkpoint) if isinstance(checkpoint, Mapping) else None
    named = isinstance(state, Mapping) and all(isinstance(key, str) for key in state)
    if not named or not any(hasattr(value, 'shape') for value in state.values()):
        raise CheckpointError(f'checkpoint {name} holds no weights: a state_dict, or a dict with one, is needed')
    return state


def mismatches(module: nn.Module, state: Mapping) -> tuple[list[str], list[str], int]:
    """Weights of a module that a state_dict lacks, those it has in another shape, and how many there are in all."""
    own = {key: value for key, value in module.state_dict().items() if not key.endswith('num_batches_tracked')}
    missing = [key for key in own if key not in state]
    reshaped = [key for key in own if key in state and getattr(state[key], 'shape', None) != own[key].shape]
    return missing, reshaped, len(own)


def describe(module: nn.Module, state: Mapping) -> str | None:
    """Say in words how weights do not fit a module, or return None where they do."""
    missing, reshaped, total = mismatches(module, state)
    if len(missing) == total:
        begins = in_a_line(next(iter(state), ''))
        return (f"is of another model: it has none of this one's {total} weights (it begins with '{begins}', this one with "
                f"'{missing[0]}')")
    if reshaped:
        key = reshaped[0]
        return (f"is of another model: {len(reshaped)} weights have another shape, first '{key}' "
                f'({_shape(state[key])} in the file, {_shape(module.state_dict()[key])} in the model)')
    if missing:
        return f"is of another model: {len(missing)} of {total} weights are missing, first '{missing[0]}'"
    return None


def _shape(tensor) -> str:
    if not hasattr(tensor, 'shape'):
        return f'a {type(tensor).__name__}'
    return in_a_line('x'.join(str(size) for size in tensor.shape)) or 'a number'
