"""Two processes with SyncBN train as one process with all their pictures: the same losses, weights and statistics."""
import json
from pathlib import Path

import data_parallel
import numpy as np
import pytest
import small_trainings
import torch
from forked_process import FORKED
from free_port import free_port
from programs import PATIENCE
from reliability_record import record

from mmmux.checkpoints.safe_loading import load_checkpoint_file

pytestmark = pytest.mark.slow

# No random augmentation, which differs between processes, and a loss averaged over all pixels: an average over the labelled
# pixels, as in the recipes, would be the mean of each process's own pictures.
CALM = """
_base_ = '{recipe}'
train_dataloader = dict(batch_size={batch_size}, dataset=dict(pipeline={pipeline}))
custom_hooks = []
val_cfg = val_dataloader = val_evaluator = None
randomness = dict(seed=1)
param_scheduler = []
optim_wrapper = dict(_delete_=True, type='OptimWrapper', optimizer=dict(type='SGD', lr=0.005, momentum=0.9, weight_decay=1e-4))
{model}
"""
NORM = "dict(type='{norm}')"
TASKS = {
    'detector': (small_trainings.detector, "[_base_.train_pipeline[0], _base_.train_pipeline[1], dict(type='Resize', "
                 "scale=(64, 64), keep_ratio=False), _base_.train_pipeline[-1]]",
                 'model = dict(backbone=dict(norm_cfg={norm}), neck=dict(norm_cfg={norm}), bbox_head=dict(norm_cfg={norm}))'),
    'segmentor': (small_trainings.segmentor, '[*_base_.train_pipeline[:2], _base_.train_pipeline[-1]]',
                  'model = dict(data_preprocessor=dict(size=(64, 64)), backbone=dict(norm_cfg={norm}), decode_head=dict('
                  'dropout_ratio=0., norm_cfg={norm}, loss_decode=dict(avg_non_ignore=False)), '
                  'auxiliary_head=dict(norm_cfg={norm}, loss_decode=dict(avg_non_ignore=False)))'),
}


@pytest.fixture
def trained(tmp_path):
    """Train with four pictures in each step; return the losses, a row for each process, and the last checkpoint."""
    def train(task: str, processes: int, norm: str) -> tuple[np.ndarray, dict]:
        recipe, pipeline, model = TASKS[task]
        folder = tmp_path / f'{task}_{processes}_{norm}'
        folder.mkdir()
        config = folder / 'calm.py'
        config.write_text(CALM.format(recipe=recipe(folder), batch_size=4 // processes, pipeline=pipeline,
                                      model=model.format(norm=NORM.format(norm=norm))))
        port = free_port()
        work = folder / 'work'
        started = [FORKED.Process(target=data_parallel.train, args=(config, work, rank, processes, port))
                   for rank in range(processes)]
        for process in started:
            process.start()
        for rank, process in enumerate(started):
            process.join(PATIENCE)
            assert process.exitcode == 0, (work / f'printed_{rank}.txt').read_text()[-4000:]
        losses = [json.loads(path.read_text()) for path in sorted(work.glob('losses_*.json'))]
        return np.array(losses), load_checkpoint_file(Path((work / 'last_checkpoint').read_text()))['state_dict']

    return train


def distance(one: dict, other: dict, start: dict) -> float:
    """Return the distance of two trained networks, relative to the distance of their weights and statistics from the start."""
    def norm(a, b):
        return sum((a[name].double() - b[name].double()).square().sum() for name in a).sqrt()

    assert one.keys() == other.keys()
    return float(norm(one, other) / norm(one, start))


@pytest.mark.nightly
@pytest.mark.parametrize('task', ['detector', 'segmentor'])
def test_two_processes_train_as_one(trained, task):
    one_losses, one = trained(task, 1, 'BN')
    two_losses, two = trained(task, 2, 'SyncBN')
    _, apart = trained(task, 2, 'BN')  # so that equality means something
    assert one_losses.shape[1] >= 6 and (two_losses[0] != two_losses[1]).all()
    loss = np.abs(two_losses.mean(0) / one_losses[0] - 1).max()
    start = {name: torch.zeros_like(value) for name, value in one.items()}
    weights = distance(one, two, start)
    record('two processes', task, tried=one_losses.shape[1], of='steps', lost=int(loss > 1e-9 or weights > 1e-9),
           largest_relative_difference_of_the_loss=loss, relative_distance_of_the_weights=weights)
    assert loss < 1e-9 and weights < 1e-9
    assert distance(one, apart, start) > 1e-4
