"""A data loader whose pictures depend on the seed and the iteration alone.

Augmentation draws random numbers. Where these come one after another from a generator, the hundredth picture depends on the 99
before it, on how many processes load them, and on all that is lost when training is killed. Here every picture begins with
random numbers of its own, made from the seed, the rank, the iteration and its place in the batch.
"""
import random
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import count, islice
from typing import NamedTuple

import numpy as np
import torch
from mmengine.dist import get_rank
from torch.utils.data import DataLoader, IterableDataset

from mmmux.utils.errors import ConfigError, DatasetError


class Draw(NamedTuple):
    """One picture of one batch.

    Attributes:
        index: of the picture in the data set.
        seed: of the training.
        key: rank, iteration, and place in the batch.
    """
    index: int
    seed: int
    key: tuple[int, int, int]


class NumberedBatches:
    """The batches of one pass through the data, as lists of :class:`Draw`.

    Args:
        batch_sampler: gives lists of indices.
    """

    def __init__(self, batch_sampler):
        self.batch_sampler = batch_sampler
        self.begin_at(0, 0)

    # Where mmengine and others look for them.
    sampler = property(lambda self: self.batch_sampler.sampler)
    batch_size = property(lambda self: self.batch_sampler.batch_size)

    def __len__(self) -> int:
        return len(self.batch_sampler)

    def begin_at(self, seed: int, iteration: int, skipped: int = 0) -> None:
        """Set what the next pass begins with.

        Args:
            seed: of the training.
            iteration: of the first batch that is given out.
            skipped: batches before that one, which were trained already.
        """
        self._seed, self._iteration, self._skipped = seed, iteration, skipped

    def __iter__(self) -> Iterator[list[Draw]]:
        rank = get_rank()
        for iteration, batch in enumerate(islice(self._batches(), self._skipped, None), self._iteration):
            yield [Draw(index, self._seed, (rank, iteration, place)) for place, index in enumerate(batch)]

    def _batches(self) -> Iterable[list[int]]:
        return self.batch_sampler


class EndlessBatches(NumberedBatches):
    """The batches of one pass after another."""

    def _batches(self) -> Iterator[list[int]]:
        for number in count():
            if hasattr(self.sampler, 'set_epoch'):
                self.sampler.set_epoch(number)
            batch = None
            for batch in self.batch_sampler:
                yield batch
            if batch is None:
                raise DatasetError('the training data make no full batch: make train_dataloader.batch_size smaller')


class NumberedDataset:
    """A data set that takes :class:`Draw` as an index, too; everything else is asked of the data set inside."""

    def __init__(self, dataset):
        self._dataset = dataset

    def __getattr__(self, name: str):
        if name.startswith('__'):  # asked for by copying and by torch, of an object that may not be complete yet
            raise AttributeError(name)
        return getattr(self._dataset, name)

    def __len__(self) -> int:
        return len(self._dataset)

    def __getitem__(self, draw: Draw | int):
        if not isinstance(draw, Draw):
            return self._dataset[draw]
        with _random_numbers_of(draw):
            return self._dataset[draw.index]


class NumberedLoader(DataLoader):
    """A data loader like another, with numbered batches, that starts its processes with the first batch.

    Args:
        loader: the other one.
        batches: :class:`NumberedBatches` or :class:`EndlessBatches`.

    Attributes:
        current_pass: torch's iterator, which holds the processes; None before the first batch.

    Raises:
        ConfigError: its data set gives pictures in an order of its own, so that none can be drawn again.
    """

    current_pass = None

    def __init__(self, loader: DataLoader, batches: type[NumberedBatches]):
        if isinstance(loader.dataset, IterableDataset) or loader.batch_sampler is None:
            raise ConfigError(f'train_dataloader.dataset is a {type(loader.dataset).__name__}, and the training loops of mmmux '
                              'need a data set of numbered pictures and a batch_size: have another one, or a train_cfg.type '
                              'without mmmux')
        super().__init__(
            NumberedDataset(loader.dataset), batch_sampler=batches(loader.batch_sampler), num_workers=loader.num_workers,
            collate_fn=loader.collate_fn, pin_memory=loader.pin_memory, timeout=loader.timeout,
            worker_init_fn=loader.worker_init_fn, multiprocessing_context=loader.multiprocessing_context,
            prefetch_factor=loader.prefetch_factor, persistent_workers=loader.persistent_workers)

    def __iter__(self):
        # A generator: mmengine asks for it when a loop is built, long before it is known where to begin.
        self.current_pass = super().__iter__()
        yield from self.current_pass


def seed_all(seed: int, *key: int) -> None:
    """Begin something with random numbers of its own in Python, numpy and torch, on every device.

    Args:
        seed: of the training.
        key: numbers that nothing else has.
    """
    numbers = _words(seed, key)
    random.seed(int(numbers[0]))
    np.random.seed(numbers.astype(np.uint32))
    torch.manual_seed(int(numbers[1]))


@contextmanager
def _random_numbers_of(draw: Draw):
    # In the process of the training, those of the model go on afterwards as if no picture had been loaded.
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    numbers = _words(draw.seed, draw.key)
    random.seed(int(numbers[0]))
    np.random.seed(numbers.astype(np.uint32))
    torch.default_generator.manual_seed(int(numbers[1]))  # the GPU's, which torch.manual_seed sets too, is left alone
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
        torch.set_rng_state(states[2])


def _words(seed: int, key: tuple[int, ...]) -> np.ndarray:
    return np.random.SeedSequence(seed, spawn_key=key).generate_state(4, np.uint64)
