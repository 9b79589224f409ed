"""Run evaluations as tasks of Ray (https://www.ray.io), on many GPUs and machines."""
import logging
import os
import signal
import socket
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from numbers import Real
from pathlib import Path

from mmmux.search.journal import FAILED
from mmmux.search.trial_process import LOG_FILE, REFUSED, TrialResult, TrialSpec
from mmmux.utils.errors import ConfigError, in_a_line
from mmmux.utils.machine import usable_cores

from .base import Executor
from .process import TrialProcess

_TRIES = 3  # a cluster can withdraw a machine; if a task dies three times, the evaluation is probably the cause
_SECONDS_TO_ANSWER = 10
_LOG_BYTES = 1_000_000  # bytes at the end of a log that a task returns


class RayExecutor(Executor):
    """Run each evaluation as a task of Ray, which decides on the machine and the time.

    A task runs the same process as the local executor. Results and logs return through Ray. A task works in the folder of the
    evaluation if its machine sees that folder, otherwise in a temporary one. Machines therefore need no common file system,
    unless weights are inherited.

    Args:
        cpus (float): Cores for each evaluation. Default: 1.
        gpus (float): GPUs for each evaluation; a fraction shares a GPU. Default: 0.
        address (str | None): Address of a Ray cluster; 'auto' is the cluster to which this machine belongs. Default: None,
            start Ray on this machine until the search ends.

    Raises:
        ConfigError: A value is invalid, Ray is not installed, or no cluster answers at the address.
    """

    OPTIONS = ('cpus', 'gpus', 'address')

    def __init__(self, cpus: float = 1, gpus: float = 0, address: str | None = None):
        for name, value, least in (('cpus', cpus, 'above 0'), ('gpus', gpus, 'from 0 up')):
            if not isinstance(value, Real) or isinstance(value, bool) or value < 0 or (name == 'cpus' and not value):
                raise ConfigError(f'search.executor.{name} must be a number {least}, got {value!r}')
        self._ray = _import_ray()
        self._own = not self._ray.is_initialized()
        # Ray installs a SIGTERM handler that raises, and does not remove it. In a process that was just forked, e.g. by an
        # evaluator's pool, the exception can be lost, and the signal with it: the pool would wait for that process without end.
        self._handler = signal.getsignal(signal.SIGTERM)
        if self._own:
            try:
                _connect(self._ray, address)
            except ConfigError:
                self._restore_handler()
                raise
        if address is None:
            self._check_room(dict(CPU=cpus, GPU=gpus))
        # No retries by Ray: `_run` starts a killed task again, at most `_TRIES` times in total.
        self._task = self._ray.remote(num_cpus=cpus, num_gpus=gpus, max_retries=0)(_evaluate)

    def __exit__(self, *_) -> None:
        """Disconnect from Ray; if this executor started Ray, end it."""
        if self._own:
            self._ray.shutdown()
            self._restore_handler()

    def _restore_handler(self) -> None:
        if threading.current_thread() is threading.main_thread() and self._handler is not None:
            signal.signal(signal.SIGTERM, self._handler)

    def _check_room(self, wanted: dict[str, float]) -> None:
        there = self._ray.cluster_resources()
        for kind, number in wanted.items():
            if number > there.get(kind, 0):
                self.__exit__()
                raise ConfigError(f'search.executor.{kind.lower()}s must be at most {there.get(kind, 0):g} on this machine, '
                                  f'got {number:g}')

    def _run(self, specs: list[TrialSpec]) -> Iterator[tuple[TrialSpec, TrialResult]]:
        for spec in specs:
            spec.write()
        pending = {self._task.remote(spec, os.getcwd()): (spec, 1) for spec in specs}
        try:
            while pending:
                (ready, ), _ = self._ray.wait(list(pending), num_returns=1)
                spec, tries = pending.pop(ready)
                try:
                    result, log = self._ray.get(ready)
                except self._ray.exceptions.RayError as error:
                    if tries < _TRIES:
                        pending[self._task.remote(spec, os.getcwd())] = spec, tries + 1
                        continue
                    reason = in_a_line(str(error))
                    result, log = TrialResult(FAILED, 0., reason=f'{type(error).__name__}: {reason}'), b''
                if log:
                    (spec.folder / LOG_FILE).write_bytes(log)
                result.write(spec.folder)
                yield spec, result
        finally:
            for task in pending:
                self._ray.cancel(task, force=True)


def _evaluate(spec: TrialSpec, cwd: str) -> tuple[TrialResult, bytes]:
    """Run a trial on the machine of the task, and return its result and log; the log is empty if the search sees the folder."""
    cwd = cwd if Path(cwd).is_dir() else None
    if spec.is_in(spec.folder):
        return TrialProcess(spec, {}, cwd).result(), b''
    if spec.keep_weights:
        reason = (f'search.inherit needs a work dir that all machines share, but {spec.folder} does not exist on '
                  f'{socket.gethostname()}: give a shared --work-dir, or set search.inherit=False')
        return TrialResult(REFUSED, 0., reason=reason), b''
    with tempfile.TemporaryDirectory(prefix='mmmux-trial-') as folder:
        result = TrialProcess(replace(spec, folder=Path(folder)), {}, cwd).result()
        return result, (Path(folder) / LOG_FILE).read_bytes()[-_LOG_BYTES:]


def _import_ray():
    os.environ.setdefault('RAY_USAGE_STATS_ENABLED', '0')  # otherwise Ray reports usage statistics and prints a notice about it
    try:
        import ray
    except ImportError:
        raise ConfigError("search.executor.type is 'ray', but Ray is not installed: run `pip install 'mmmux[search]'`, or set "
                          "search.executor.type='local'") from None
    return ray


def _connect(ray, address: str | None) -> None:
    options = dict(num_cpus=usable_cores(), include_dashboard=False) if address is None else {}
    try:
        host, _, port = (address or '').removeprefix('ray://').rpartition(':')
        if port.isdigit():  # check first: Ray itself tries for ten minutes
            socket.create_connection((host.strip('[]'), int(port)), _SECONDS_TO_ANSWER).close()
        ray.init(address=address or 'local', log_to_driver=False, logging_level=logging.ERROR, **options)
    except (OSError, ValueError, RuntimeError) as error:  # a ConnectionError is an OSError
        reason = in_a_line(str(error)) or type(error).__name__
        raise ConfigError(f'search.executor.address is {address!r}, but no Ray cluster answers there ({reason}): start the '
                          'cluster, or correct the address') from None
