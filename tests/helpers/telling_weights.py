"""Weights under which every picture, and every order of its channels, gets another prediction."""
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.logging import HistoryBuffer
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import DATASETS, MODELS, init_default_scope
from torch import nn


def save_weights(cfg: Config, path: Path, size: tuple[int, int] = (64, 96)) -> Path:
    """Write a checkpoint as mmengine writes one: random weights, norms fitted to noise, classes, and a logging history.

    Initial weights would do for no comparison: norms that have seen nothing, and heads whose weights start near 0, give every
    picture the same scores to within 1e-4. mmengine cannot read the history by itself from torch 2.6 on.

    Args:
        cfg: config of a detector, segmentor or classifier.
        path: file to write.
        size: (height, width) of the noise in pixels.
    """
    torch.manual_seed(0)
    init_default_scope(cfg.default_scope)
    model = revert_sync_batchnorm(MODELS.build(cfg.model))
    last = [module for module in model.modules() if isinstance(module, nn.Linear)][-1:]
    for module in model.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            nn.init.kaiming_normal_(module.weight)
            if module.bias is not None:
                nn.init.normal_(module.bias, std=0.5)
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.momentum = 1.
    for module in last:  # a classifier's: means over many pixels differ little
        module.weight.data *= 10
    with torch.no_grad():
        model.train()(torch.randn(4, 3, *size), mode='tensor')
    metainfo = DATASETS.build(dict(cfg.test_dataloader.dataset, lazy_init=True)).metainfo
    torch.save(dict(
        meta=dict(dataset_meta={key: metainfo[key] for key in ('classes', 'palette') if key in metainfo}),
        state_dict=model.state_dict(), message_hub=dict(log_scalars=dict(loss=HistoryBuffer([1.], [1])))), path)
    return path
