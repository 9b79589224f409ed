"""Run the trials of a search in processes of this machine (`search.executor.type = 'local'`)."""
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
    """Run several evaluations at a time, and divide the cores and the GPUs among them.

    Args:
        workers (int): Evaluations at a time. If there are several GPUs, they are assigned to the workers in turn, one each.
            Default: 1.

    Raises:
        ConfigError: `workers` is not a positive integer.
    """

    OPTIONS = ('workers', )

    def __init__(self, workers: int = 1):
        if not isinstance(workers, int) or isinstance(workers, bool) or workers < 1:
            raise ConfigError(f'search.executor.workers must be a whole number from 1 up, got {workers!r}')
        self.environments = worker_environments(workers)

    def __exit__(self, *_) -> None:
        """Do nothing: the executor holds no resource between two calls of `run`."""

    def _run(self, specs: list[TrialSpec]) -> Iterator[tuple[TrialSpec, TrialResult]]:
        batch = _Batch(self.environments)
        pool = ThreadPoolExecutor(len(self.environments))  # its threads only wait for their processes
        try:
            futures = {pool.submit(batch.evaluate, spec): spec for spec in specs}
            for future in as_completed(futures):
                yield futures[future], future.result()
        finally:
            batch.stop()
            pool.shutdown(cancel_futures=True)


class _Batch:
    """The processes of one call of `run`.

    Args:
        environments (list[dict[str, str]]): Environment variables of each worker.
    """

    def __init__(self, environments: list[dict[str, str]]):
        self._free: queue.SimpleQueue = queue.SimpleQueue()
        for environment in environments:
            self._free.put(environment)
        self._lock, self._stopped = Lock(), False
        self._running: set[TrialProcess] = set()

    def evaluate(self, spec: TrialSpec) -> TrialResult | None:
        """Run a trial to its end; return None if :meth:`stop` was called before."""
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
        """End the running trials, and start no others."""
        with self._lock:
            self._stopped = True
            for process in list(self._running):
                process.stop()


def worker_environments(workers: int) -> list[dict[str, str]]:
    """Return the environment variables that give each worker its share of the cores and, if there are several GPUs, one GPU.

    Args:
        workers (int): Number of workers.

    Returns:
        list[dict[str, str]]: Variables of each worker.
    """
    # Trainings with one thread per core each would wait for each other. A value that the user sets takes precedence.
    threads = os.environ.get('OMP_NUM_THREADS') or str(max(1, usable_cores() // workers))
    environments = [dict(OMP_NUM_THREADS=threads) for _ in range(workers)]
    gpus = torch.cuda.device_count()
    if gpus > 1:
        visible = os.environ.get('CUDA_VISIBLE_DEVICES')
        names = visible.split(',')[:gpus] if visible else list(map(str, range(gpus)))
        for worker, environment in enumerate(environments):
            environment['CUDA_VISIBLE_DEVICES'] = names[worker % gpus].strip()
    return environments
