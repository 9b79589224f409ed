"""Compare the weights of a checkpoint with a module before they are loaded."""
from collections.abc import Mapping

import torch
from mmengine.runner import CheckpointLoader
from torch import nn

from mmmux.utils.errors import CheckpointError, in_a_line


def check_pretrained(module: nn.Module) -> None:
    """Check that each `Pretrained` entry of a module's `init_cfg` names a checkpoint that fits the module.

    mmengine logs and skips weights that do not fit. Additional keys of the checkpoint (a classifier, stages that were not
    built) are accepted here; missing weights and weights of a different shape are not.

    Args:
        module (nn.Module): A module with the attribute `init_cfg`.

    Raises:
        CheckpointError: A weight is missing, has a different shape, or is not finite.
    """
    for name, prefix in _entries(module):
        _check_entry(module, name, prefix)


def pretrained_states(module: nn.Module) -> list[Mapping]:
    """Return the weights that each `Pretrained` entry of a module's `init_cfg` names, with the keys of the module.

    Args:
        module (nn.Module): A module with the attribute `init_cfg`.

    Raises:
        CheckpointError: A checkpoint cannot be read or holds no weights.
    """
    return [_state_of(module, name, prefix) for name, prefix in _entries(module)]


def _entries(module: nn.Module) -> list[tuple[str, str | None]]:
    init_cfgs = [module.init_cfg] if isinstance(module.init_cfg, Mapping) else module.init_cfg or []
    return [(init_cfg['checkpoint'], init_cfg.get('prefix')) for init_cfg in init_cfgs
            if init_cfg['type'] in ('Pretrained', 'PretrainedInit')]


def _source(module: nn.Module, name: str) -> str:
    return f'checkpoint {name} (init_cfg of {type(module).__name__})'


def _state_of(module: nn.Module, name: str, prefix: str | None) -> Mapping:
    checkpoint = CheckpointLoader.load_checkpoint(name, map_location='cpu', logger='silent')
    # mmengine compares the keys with the prefix without removing `module.` first.
    return _below(prefix.rstrip('.') + '.', _weights(checkpoint, name), _source(module, name)) if prefix else \
        state_dict_of(checkpoint, name)


def _check_entry(module: nn.Module, name: str, prefix: str | None) -> None:
    source, state = _source(module, name), _state_of(module, name, prefix)
    complaint = describe(module, state)
    if complaint and not prefix and any(key.startswith('backbone.') for key in state):
        complaint = "is of a whole model: add prefix='backbone.' to init_cfg"
    if complaint:
        raise CheckpointError(f'{source} {complaint}')
    check_numbers(module, state, name)


def _below(prefix: str, state: Mapping, source: str) -> dict:
    found = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
    if not found:
        raise CheckpointError(f"{source} has no weights under prefix '{prefix}': correct init_cfg.prefix; the first key "
                              f"of the file is '{in_a_line(next(iter(state)))}'")
    return found


def check_numbers(module: nn.Module, state: Mapping, name) -> None:
    """Check that the weights of a state_dict that fit a module are finite, since one NaN makes all outputs NaN.

    Args:
        module (nn.Module): The module. Weights with other names or shapes than the module's are ignored.
        state (Mapping): The state_dict.
        name (str): Path of the checkpoint, for error messages.

    Raises:
        CheckpointError: A weight is infinite or NaN, is not a plain tensor, or is floating point where the module has integers
            or vice versa. The message names the first such weight.
    """
    for key, own in module.state_dict().items():
        weight = state.get(key)
        if key.endswith('num_batches_tracked') or getattr(weight, 'shape', None) != own.shape:
            continue
        plain = isinstance(weight, torch.Tensor) and weight.layout == torch.strided and not weight.is_meta
        if not plain or weight.is_quantized or weight.is_floating_point() != own.is_floating_point():
            kind = f'of {weight.dtype}' if hasattr(weight, 'dtype') else f'a {type(weight).__name__}'
            raise CheckpointError(f"checkpoint {name} cannot be used: its '{key}' is {kind}, and the model needs a plain "
                                  f'tensor of {own.dtype}')
        wrong = weight.numel() - int(torch.isfinite(weight.float()).sum())
        if wrong:
            raise CheckpointError(f"checkpoint {name} cannot be used: {wrong} of {weight.numel()} numbers of its '{key}' are "
                                  'infinite or NaN, because its training diverged or the file is damaged; give another one')


def state_dict_of(checkpoint, name) -> Mapping:
    """Return the weights of a loaded checkpoint, with the prefix `module.` of DistributedDataParallel removed.

    Args:
        checkpoint (Mapping): A state_dict, or a dict that holds one under `state_dict`.
        name (str): Path of the checkpoint, for error messages.

    Returns:
        Mapping: The state_dict.

    Raises:
        CheckpointError: The checkpoint holds no weights.
    """
    return {key.removeprefix('module.'): value for key, value in _weights(checkpoint, name).items()}


def dataset_meta_of(checkpoint: Mapping) -> Mapping:
    """Return `meta.dataset_meta` of a loaded checkpoint, e.g. with the `classes` of the training data.

    Args:
        checkpoint (Mapping): The loaded checkpoint.

    Returns:
        Mapping: The entry; an empty dict if the checkpoint has none.
    """
    meta = checkpoint.get('meta')
    meta = meta.get('dataset_meta') if isinstance(meta, Mapping) else None
    return meta if isinstance(meta, Mapping) else {}


def _weights(checkpoint, name) -> Mapping:
    state = checkpoint.get('state_dict', checkpoint) if isinstance(checkpoint, Mapping) else None
    named = isinstance(state, Mapping) and all(isinstance(key, str) for key in state)
    if not named or not any(hasattr(value, 'shape') for value in state.values()):
        raise CheckpointError(f"checkpoint {name} holds no weights: give a file with a state_dict, or with a dict that has one "
                              "under 'state_dict'")
    return state


def mismatches(module: nn.Module, state: Mapping) -> tuple[list[str], list[str], int]:
    """Compare the keys and shapes of a state_dict with those of a module.

    Args:
        module (nn.Module): The module.
        state (Mapping): The state_dict.

    Returns:
        tuple[list[str], list[str], int]: Keys of the module that are missing in the state_dict; keys with a different shape;
        number of weights of the module. `num_batches_tracked` is not counted.
    """
    own = {key: value for key, value in module.state_dict().items() if not key.endswith('num_batches_tracked')}
    missing = [key for key in own if key not in state]
    reshaped = [key for key in own if key in state and getattr(state[key], 'shape', None) != own[key].shape]
    return missing, reshaped, len(own)


def describe(module: nn.Module, state: Mapping) -> str | None:
    """Describe how a state_dict differs from a module.

    Args:
        module (nn.Module): The module.
        state (Mapping): The state_dict.

    Returns:
        str | None: A predicate such as 'is of another model: ...', to follow the name of the checkpoint. None if all weights
        fit.
    """
    missing, reshaped, total = mismatches(module, state)
    if len(missing) == total:
        begins = in_a_line(next(iter(state), ''))
        return (f"is of another model: it has none of the model's {total} weights (its first key is '{begins}', the first key "
                f"of the model is '{missing[0]}')")
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
