"""Weights under which every picture, and every order of its channels, gets another prediction."""
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.logging import HistoryBuffer
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import DATASETS, MODELS, init_default_scope
from torch import nn

MOST_PICTURES = 4


def save_weights(cfg: Config, path: Path) -> Path:
    """Write a checkpoint as mmengine writes one: random weights, norms fitted to test pictures, classes, a logging history.

    Initial weights would do for no comparison: norms that have seen nothing, and heads whose weights start near 0, give every
    picture the same scores to within 1e-4. mmengine cannot read the history by itself from torch 2.6 on.

    Args:
        cfg: config of a detector, segmentor or classifier, whose test data exist.
        path: file to write.
    """
    torch.manual_seed(0)
    init_default_scope(cfg.default_scope)
    model = revert_sync_batchnorm(MODELS.build(cfg.model))
    dataset = DATASETS.build(cfg.test_dataloader.dataset)
    for module in model.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            nn.init.kaiming_normal_(module.weight)
            if module.bias is not None:
                nn.init.normal_(module.bias, std=0.5)
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.momentum = 1.
    samples = [dataset[number] for number in range(min(len(dataset), MOST_PICTURES))]
    pictures = torch.cat([model.data_preprocessor(pseudo_collate([sample]))['inputs'] for sample in samples])
    with torch.no_grad():
        model.train()(torch.cat([pictures, pictures.flip(1)]), mode='tensor')
        if cfg.default_scope == 'mmpretrain':  # a softmax of scores that are far apart is 0 and 1 for every picture
            last = [module for module in model.modules() if isinstance(module, nn.Linear)][-1]
            last.weight.mul_(3 / model.eval()(pictures, mode='tensor').std())
    metainfo = dataset.metainfo
    torch.save(dict(
        meta=dict(dataset_meta={key: metainfo[key] for key in ('classes', 'palette') if key in metainfo}),
        state_dict=model.state_dict(), message_hub=dict(log_scalars=dict(loss=HistoryBuffer([1.], [1])))), path)
    return path
