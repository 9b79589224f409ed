"""Data loader whose augmented images depend only on the seed and the iteration, so that a training can resume exactly.

Augmentation draws random numbers. If one generator serves all images, the augmentation of an image depends on all images before
it, on the number of loading processes, and on state that is lost when the training is killed. Here, each image starts with its
own random numbers, computed from the seed, the rank, the iteration and the position in the batch.
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
    """Index and random seed of one image of one batch.

    Attributes:
        index (int): Index of the image in the data set.
        seed (int): Seed of the training.
        key (tuple[int, int, int]): Rank, iteration, and position in the batch.
    """
    index: int
    seed: int
    key: tuple[int, int, int]


class NumberedBatches:
    """Batch sampler that yields the batches of one pass through the data set as lists of :class:`Draw`.

    Args:
        batch_sampler (Iterable[list[int]]): The batch sampler that yields lists of indices.
    """

    def __init__(self, batch_sampler):
        self.batch_sampler = batch_sampler
        self.begin_at(0, 0)

    # mmengine and other libraries read these two attributes of a batch sampler.
    sampler = property(lambda self: self.batch_sampler.sampler)
    batch_size = property(lambda self: self.batch_sampler.batch_size)

    def __len__(self) -> int:
        return len(self.batch_sampler)

    def begin_at(self, seed: int, iteration: int, skipped: int = 0) -> None:
        """Set the first batch of the next pass.

        Args:
            seed (int): Seed of the training.
            iteration (int): Iteration of the first batch that the pass yields.
            skipped (int): Number of batches at the start of the pass to skip, because they were trained already. Defaults
                to 0.
        """
        self._seed, self._iteration, self._skipped = seed, iteration, skipped

    def __iter__(self) -> Iterator[list[Draw]]:
        rank = get_rank()
        for iteration, batch in enumerate(islice(self._batches(), self._skipped, None), self._iteration):
            yield [Draw(index, self._seed, (rank, iteration, place)) for place, index in enumerate(batch)]

    def _batches(self) -> Iterable[list[int]]:
        return self.batch_sampler


class EndlessBatches(NumberedBatches):
    """Batch sampler that yields the batches of an endless sequence of passes through the data set.

    Raises:
        DatasetError: A pass has no batch.
    """

    def _batches(self) -> Iterator[list[int]]:
        for number in count():
            if hasattr(self.sampler, 'set_epoch'):
                self.sampler.set_epoch(number)
            batch = None
            for batch in self.batch_sampler:
                yield batch
            if batch is None:
                raise DatasetError(f'the training data have too few pictures for one batch of {self.batch_size} '
                                   '(train_dataloader.batch_size): set a smaller batch size')


class NumberedDataset:
    """Data set wrapper that also accepts a :class:`Draw` as an index and passes all other attributes to the inner data set.

    Args:
        dataset (Dataset): The inner data set.
    """

    def __init__(self, dataset):
        self._dataset = dataset

    def __getattr__(self, name: str):
        if name.startswith('__'):  # copy and torch look these up before __init__ has set _dataset
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
    """Copy of a data loader that loads numbered batches and starts its processes with the first batch.

    Args:
        loader (DataLoader): The data loader to copy.
        batches (type[NumberedBatches]): :class:`NumberedBatches` or :class:`EndlessBatches`.

    Attributes:
        current_pass: torch's iterator, which holds the processes; None before the first batch.

    Raises:
        ConfigError: The data set is an IterableDataset, whose images have no index, or the loader has no batch sampler.
    """

    current_pass = None

    def __init__(self, loader: DataLoader, batches: type[NumberedBatches]):
        if isinstance(loader.dataset, IterableDataset) or loader.batch_sampler is None:
            raise ConfigError(f'train_dataloader.dataset is a {type(loader.dataset).__name__}, and the training loops of mmmux '
                              'need a data set that reads a picture by its index, and a batch_size: set both, or set '
                              'train_cfg.type to a loop of mmengine')
        super().__init__(
            NumberedDataset(loader.dataset), batch_sampler=batches(loader.batch_sampler), num_workers=loader.num_workers,
            collate_fn=loader.collate_fn, pin_memory=loader.pin_memory, timeout=loader.timeout,
            worker_init_fn=loader.worker_init_fn, multiprocessing_context=loader.multiprocessing_context,
            prefetch_factor=loader.prefetch_factor, persistent_workers=loader.persistent_workers)

    def __iter__(self):
        # A generator starts with the first batch. mmengine calls iter() when it builds a loop, before begin_at was called.
        self.current_pass = super().__iter__()
        yield from self.current_pass


def seed_all(seed: int, *key: int) -> None:
    """Seed Python, numpy and torch, on every device, with numbers computed from the seed and a key.

    Args:
        seed (int): Seed of the training.
        *key (int): Numbers that identify the use of the random numbers, e.g. the iteration.
    """
    numbers = _words(seed, key)
    random.seed(int(numbers[0]))
    np.random.seed(numbers.astype(np.uint32))
    torch.manual_seed(int(numbers[1]))


@contextmanager
def _random_numbers_of(draw: Draw):
    # Without loading processes, the model draws from the same generators: restore their states after the image is loaded.
    with random_states_kept():
        numbers = _words(draw.seed, draw.key)
        random.seed(int(numbers[0]))
        np.random.seed(numbers.astype(np.uint32))
        torch.default_generator.manual_seed(int(numbers[1]))  # unlike torch.manual_seed, this does not seed the GPU
        yield


@contextmanager
def random_states_kept():
    """Restore the random generators of Python, numpy and torch on the CPU when this context ends."""
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
        torch.set_rng_state(states[2])


def _words(seed: int, key: tuple[int, ...]) -> np.ndarray:
    return np.random.SeedSequence(seed, spawn_key=key).generate_state(4, np.uint64)
