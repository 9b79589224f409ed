"""Refuse, before a training, batches of one image for a model that normalises a 1 x 1 feature map over the batch."""
import contextlib

import torch
from mmengine.dataset import InfiniteSampler, pseudo_collate
from mmengine.dist import get_world_size
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from mmmux.utils.compat import BatchNorm
from mmmux.utils.errors import ConfigError

from .resumable_loader import random_states_kept


def check_single_pictures(runner: Runner) -> None:
    """Check that no batch of one image reaches a batch normalisation of one value per channel, which has no variance.

    Only if the training has batches of one image, a model is run once, on one image, without training it.

    Args:
        runner (Runner): The runner of the training.

    Raises:
        ConfigError: There is such a batch. The message names its cause and the normalisation layer.
    """
    cause = _single(runner.train_dataloader)
    if cause is None:
        return
    layer = None
    with contextlib.suppress(Exception):  # any other error is the training's to raise
        layer = _layer_of_one_value(runner)
    if layer is not None:
        raise ConfigError(f'batch normalisation needs two values per channel, and model.{layer} gets one, since its feature '
                          f'map is 1 x 1 and {cause}')


def _single(loader) -> str | None:
    """Say why a batch has one image, and how to change it; None if no batch has."""
    batches = loader.batch_sampler
    size, sampler = getattr(batches, 'batch_size', None), getattr(batches, 'sampler', None)
    if not isinstance(size, int) or sampler is None:  # no batches, or batches of several sizes
        return None
    if size == 1:
        return 'train_dataloader.batch_size is 1: set it to 2 or more'
    # A loader of mmmux has the batch sampler inside its own.
    drops = getattr(getattr(batches, 'batch_sampler', batches), 'drop_last', False)
    if drops or isinstance(sampler, InfiniteSampler) or len(sampler) % size != 1:
        return None
    return (f'{len(sampler)} training pictures in batches of {size} (train_dataloader.batch_size) leave a last batch of one: '
            'set train_dataloader.drop_last=True, or another batch_size')


def _layer_of_one_value(runner: Runner) -> str | None:
    """Return the name of the first batch normalisation that gets one value per channel, or None."""
    model = runner.model.module if is_model_wrapper(runner.model) else runner.model
    model.train()
    shared = get_world_size() > 1  # SyncBN has the values of all processes
    norms = {name: module for name, module in model.named_modules() if isinstance(module, BatchNorm) and module.training and
             not (shared and type(module).__name__ == 'SyncBatchNorm')}
    found = []
    hooks = [module.register_forward_pre_hook(lambda _, inputs, name=name: found.append(name) if
                                              inputs[0].numel() == inputs[0].shape[1] else None)
             for name, module in norms.items()]
    try:
        with random_states_kept(), torch.no_grad():
            batch = pseudo_collate([runner.train_dataloader.dataset[0]])
            model.eval()
            data = model.data_preprocessor(batch, True)
            model(**data, mode='loss')
    finally:
        for hook in hooks:
            hook.remove()
        model.train()
    return next(iter(found), None)
