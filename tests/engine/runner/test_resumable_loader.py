import copy
import pickle
import random
from itertools import islice

import numpy as np
import pytest
import torch
from facts import raises
from mmengine.dataset import DefaultSampler, InfiniteSampler
from torch.utils.data import BatchSampler, DataLoader, IterableDataset

from mmmux.engine.runner.resumable_loader import (
    Draw,
    EndlessBatches,
    NumberedBatches,
    NumberedDataset,
    NumberedLoader,
    seed_all,
)
from mmmux.utils.errors import ConfigError, DatasetError


class Noise:
    """The number of a picture, and random numbers of three kinds."""

    metainfo = dict(classes=('one', ))

    def __init__(self, pictures: int = 10):
        self.pictures = pictures

    def __len__(self) -> int:
        return self.pictures

    def __getitem__(self, index: int) -> tuple:
        return index, random.random(), np.random.rand(), torch.rand(1).item()


def make_loader(batches=NumberedBatches, workers: int = 0, sampler=None, dataset=None, **options) -> NumberedLoader:
    dataset = dataset or Noise()
    batch_sampler = BatchSampler(sampler or DefaultSampler(dataset, seed=0), 3, drop_last=False)
    loader = DataLoader(dataset, batch_sampler=batch_sampler, num_workers=workers, collate_fn=list, **options)
    return NumberedLoader(loader, batches)


def drawn(loader: NumberedLoader, seed: int = 0, iteration: int = 0, skipped: int = 0, number: int | None = None) -> list:
    loader.batch_sampler.begin_at(seed, iteration, skipped)
    return list(islice(loader, number))


@pytest.mark.parametrize('workers', [1, 3])
def test_number_of_processes_changes_nothing(workers):
    assert drawn(make_loader(workers=workers)) == drawn(make_loader())


@pytest.mark.parametrize('skipped', range(5))
def test_the_rest_of_a_pass_is_that_of_a_whole_one(skipped):
    """Four batches; the seventh epoch's."""
    whole = drawn(make_loader(), iteration=28)
    assert len(whole) == 4 and drawn(make_loader(workers=2), iteration=28 + skipped, skipped=skipped) == whole[skipped:]


@pytest.mark.parametrize('skipped', [0, 1, 4, 9])
@pytest.mark.parametrize('sampler', [DefaultSampler, InfiniteSampler])
def test_the_rest_of_endless_passes(sampler, skipped):
    def make() -> NumberedLoader:
        return make_loader(EndlessBatches, sampler=sampler(Noise(), seed=0))

    whole = drawn(make(), number=14)
    assert len(whole) == 14 and drawn(make(), iteration=skipped, skipped=skipped, number=14 - skipped) == whole[skipped:]


def test_endless_passes_are_those_of_the_sampler():
    """Each of them shuffled anew, the last batch of each as small as it is."""
    sampler, expected = DefaultSampler(Noise(), seed=0), []
    for epoch in range(3):
        sampler.set_epoch(epoch)
        expected += BatchSampler(sampler, 3, drop_last=False)
    assert [[index for index, *_ in batch] for batch in drawn(make_loader(EndlessBatches), number=12)] == expected


def test_no_two_pictures_have_the_same_random_numbers(monkeypatch):
    """Of two epochs, two processes of a training, and two seeds."""
    numbers = []
    for rank in range(2):
        monkeypatch.setattr('mmmux.engine.runner.resumable_loader.get_rank', lambda rank=rank: rank)
        for seed in range(2):
            for epoch in range(2):
                numbers += [number for batch in drawn(make_loader(), seed, 4 * epoch) for _, *own in batch for number in own]
    assert len(set(numbers)) == len(numbers) == 2 * 2 * 2 * 10 * 3


def test_loading_in_the_process_of_the_model_leaves_its_random_numbers_alone():
    def numbers() -> list[float]:
        return [random.random(), np.random.rand(), torch.rand(1).item()]

    loader = make_loader()
    loader.batch_sampler.begin_at(0, 0)
    batches = iter(loader)
    next(batches)  # when a pass begins, torch draws a number
    seed_all(0, 1)
    expected = numbers()
    seed_all(0, 1)
    assert len(list(batches)) == 3 and numbers() == expected


def test_processes_start_with_the_first_batch():
    """mmengine makes an iterator when it builds a loop, long before it is known where to begin."""
    batches = iter(make_loader(EndlessBatches, workers=1, sampler=InfiniteSampler(Noise(), seed=0)))
    before = len(torch.multiprocessing.active_children())
    next(batches)
    assert len(torch.multiprocessing.active_children()) == before + 1


def test_the_data_set_is_itself_to_others():
    dataset = NumberedDataset(Noise(7))
    assert len(dataset) == 7 and dataset.metainfo == Noise.metainfo and dataset.pictures == 7 and dataset[3][0] == 3
    assert not hasattr(dataset, 'datasets') and not hasattr(dataset, '__getitems__')
    for other in (copy.deepcopy(dataset), pickle.loads(pickle.dumps(dataset))):
        draw = Draw(2, 0, (0, 5, 1))
        assert other[draw] == dataset[draw] and other[draw][0] == 2


def test_mmengine_finds_sampler_and_batch_size():
    loader = make_loader()
    loader.batch_sampler.sampler.set_epoch(5)  # as DistSamplerSeedHook does
    assert loader.batch_sampler.batch_size == 3 and len(loader) == 4
    assert drawn(loader) != drawn(make_loader())


def test_settings_of_the_loader_are_kept():
    def prepare(worker: int) -> None:
        """Nothing."""

    loader = make_loader(workers=2, persistent_workers=True, prefetch_factor=5, timeout=7, worker_init_fn=prepare)
    assert (loader.num_workers, loader.persistent_workers, loader.prefetch_factor, loader.timeout) == (2, True, 5, 7)
    assert loader.worker_init_fn is prepare and loader.collate_fn is list


class Stream(IterableDataset):
    """Pictures in an order of their own."""

    def __iter__(self):
        return iter(range(5))


def test_streams_are_refused():
    with raises(ConfigError, 'train_dataloader.dataset', 'Stream', 'train_cfg.type'):
        NumberedLoader(DataLoader(Stream()), NumberedBatches)


def test_data_that_make_no_batch():
    dataset = Noise(2)
    batch_sampler = BatchSampler(DefaultSampler(dataset, seed=0), 3, drop_last=True)
    with raises(DatasetError, 'train_dataloader.batch_size', 3):
        next(iter(NumberedLoader(DataLoader(dataset, batch_sampler=batch_sampler), EndlessBatches)))
