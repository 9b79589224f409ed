"""Define a training that takes milliseconds, needs mmengine only, and uses the random numbers of Python, numpy and torch."""
import random
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.logging import MMLogger
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch import nn
from torch.utils.data import Dataset

import mmmux.engine  # noqa: F401  registers mmmux.CheckpointHook and the loops

PICTURES = 11


class Noise(Dataset):
    """A data set of numbers with noise from Python's, numpy's and torch's random numbers."""

    metainfo = dict(classes=('one', ))

    def __len__(self) -> int:
        return PICTURES

    def __getitem__(self, index: int) -> dict:
        noise = [random.random(), np.random.rand(), torch.rand(1).item()]
        return dict(inputs=torch.tensor([float(index), *noise]), index=index)


class Network(BaseModel):
    """A network with dropout and with running statistics."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 1))

    def forward(self, inputs, index, mode='tensor'):
        out = self.layers(torch.stack(list(inputs)))
        return dict(loss=(out**2).mean()) if mode == 'loss' else [out.mean()]


class Mean(BaseMetric):
    """A metric: the mean of the outputs."""

    default_prefix = 'of'

    def process(self, data_batch, data_samples) -> None:
        self.results += [float(sample) for sample in data_samples]

    def compute_metrics(self, results: list) -> dict:
        return dict(mean=sum(results) / len(results))


class Interrupted(Exception):
    """Raised instead of killing the process."""


class Interruption(Hook):
    """Raise :class:`Interrupted` after a number of iterations of this run, after the checkpoint hook.

    Args:
        after: number of iterations.
    """

    priority = 'LOWEST'

    def __init__(self, after: int):
        self.left = after

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        self.left -= 1
        if not self.left:
            raise Interrupted


def make_runner(work: Path, train_cfg: dict, checkpoint: dict, hooks: list | None = None, resume: bool = False,
                accumulated: int = 1, sampler: str = 'DefaultSampler', workers: int = 0, persistent: bool = False,
                optimizer: dict | None = None, schedules: list[dict] | None = None) -> Runner:
    """Build a runner for 11 samples in batches of 3, with averaged weights.

    Args:
        work: the work dir.
        train_cfg: config of the training loop.
        checkpoint: arguments of mmmux.CheckpointHook.
        hooks: further hooks. Default: none.
        resume: whether to resume. Default: False.
        accumulated: iterations over which gradients are accumulated. Default: 1.
        sampler: type of the training sampler. Default: 'DefaultSampler'.
        workers: number of loading processes. Default: 0.
        persistent: whether these persist between epochs. Default: False.
        optimizer: arguments of SGD to replace or add. Default: none.
        schedules: configs of the learning rate schedules. Default: a warm-up over 8 iterations.
    """
    MMLogger._instance_dict.clear()  # earlier loggers write to a standard output that pytest has closed
    torch.manual_seed(0)
    loader = dict(dataset=Noise(), batch_size=3)
    workers = dict(num_workers=workers, persistent_workers=persistent)
    return Runner(
        model=Network(), work_dir=str(work), train_cfg=train_cfg, val_cfg=dict(), val_evaluator=[dict(type=Mean)],
        train_dataloader=dict(loader, sampler=dict(type=sampler, shuffle=True), **workers),
        val_dataloader=dict(loader, sampler=dict(type='DefaultSampler', shuffle=False)),
        default_hooks=dict(checkpoint=dict(type='mmmux.CheckpointHook', **checkpoint)),
        optim_wrapper=dict(optimizer={'type': 'SGD', 'lr': 0.05, 'momentum': 0.9, **(optimizer or {})},
                           accumulative_counts=accumulated),
        param_scheduler=schedules or dict(type='LinearLR', start_factor=0.1, by_epoch=False, begin=0, end=8),
        custom_hooks=[dict(type='EMAHook', momentum=0.1), *(hooks or [])], randomness=dict(seed=3), resume=resume,
        log_level='WARNING', experiment_name=f'{work.name}_{random.SystemRandom().random()}',
        cfg=Config(dict(resume=resume)))
