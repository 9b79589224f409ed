"""Evaluations in processes of this machine."""
import os
import queue
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from threading import Lock

import torch

from mmmux.search.trial_process import TrialResult, TrialSpec
from mmmux.utils.errors import ConfigError
from mmmux.utils.machine import usable_cores

from .base import Executor
from .process import TrialProcess


class LocalExecutor(Executor):
    """So many processes at a time, with the cores and the GPUs shared out among them.

    Args:
        workers: evaluations at a time. With several GPUs each worker has one of them, in turn.

    Raises:
        ConfigError: `workers` is no positive whole number.
    """

    OPTIONS = ('workers', )

    def __init__(self, workers: int = 1):
        if not isinstance(workers, int) or isinstance(workers, bool) or workers < 1:
            raise ConfigError(f'search.executor.workers must be a whole number from 1 up, got {workers!r}')
        self.environments = worker_environments(workers)

    def __exit__(self, *_) -> None:
        """Nothing is held between two calls of `run`."""

    def _run(self, specs: list[TrialSpec]) -> Iterator[tuple[TrialSpec, TrialResult]]:
        batch = _Batch(self.environments)
        pool = ThreadPoolExecutor(len(self.environments))  # its threads do nothing but wait for their processes
        try:
            futures = {pool.submit(batch.evaluate, spec): spec for spec in specs}
            for future in as_completed(futures):
                yield futures[future], future.result()
        finally:
            batch.stop()
            pool.shutdown(cancel_futures=True)


class _Batch:
    """The processes of one call of `run`."""

    def __init__(self, environments: list[dict[str, str]]):
        self._free: queue.SimpleQueue = queue.SimpleQueue()
        for environment in environments:
            self._free.put(environment)
        self._lock, self._stopped = Lock(), False
        self._running: set[TrialProcess] = set()

    def evaluate(self, spec: TrialSpec) -> TrialResult | None:
        """Run a trial to its end; None where :meth:`stop` came first."""
        environment = self._free.get()
        try:
            with self._lock:
                if self._stopped:
                    return None
                process = TrialProcess(spec, environment)
                self._running.add(process)
            result = process.result()
            self._running.discard(process)
            return result
        finally:
            self._free.put(environment)

    def stop(self) -> None:
        """End what is running, and start nothing more."""
        with self._lock:
            self._stopped = True
            for process in list(self._running):
                process.stop()


def worker_environments(workers: int) -> list[dict[str, str]]:
    """For each worker, the variables that give it its share of the cores and, of several GPUs, one."""
    # Two trainings with a thread for every core would wait for each other. Who sets the variable knows better.
    threads = os.environ.get('OMP_NUM_THREADS') or str(max(1, usable_cores() // workers))
    environments = [dict(OMP_NUM_THREADS=threads) for _ in range(workers)]
    gpus = torch.cuda.device_count()
    if gpus > 1:
        visible = os.environ.get('CUDA_VISIBLE_DEVICES')
        names = visible.split(',')[:gpus] if visible else list(map(str, range(gpus)))
        for worker, environment in enumerate(environments):
            environment['CUDA_VISIBLE_DEVICES'] = names[worker % gpus].strip()
    return environments
