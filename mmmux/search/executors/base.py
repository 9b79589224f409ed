"""Define the interface of the executors and the steps that all of them share."""
from abc import abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, closing

from mmmux.search.trial_process import REFUSED, TrialResult, TrialSpec, finished_result
from mmmux.utils.errors import ConfigError


class Executor(AbstractContextManager):
    """Run evaluations; use an executor in a `with` statement."""

    OPTIONS: tuple[str, ...]  # accepted keys of `search.executor` besides `type`

    def run(self, specs: Iterable[TrialSpec]) -> Iterator[tuple[TrialSpec, TrialResult]]:
        """Run evaluations, and yield each result as soon as it is available.

        Results that an interrupted search stored on disk come first. A crash, a timeout and a loss that is not finite are
        results. Closing the iterator ends the running evaluations.

        Args:
            specs (Iterable[TrialSpec]): Inputs of the evaluations.

        Yields:
            tuple[TrialSpec, TrialResult]: Input and result of one evaluation.

        Raises:
            ConfigError: The config or the data has an error that every other evaluation would repeat.
        """
        waiting = []
        for spec in specs:
            result = finished_result(spec)
            if result is None:
                waiting.append(spec)
            else:
                yield spec, result
        with closing(self._run(waiting)) as results:
            for spec, result in results:
                if result.status == REFUSED:
                    raise ConfigError(result.reason)
                yield spec, result

    @abstractmethod
    def _run(self, specs: list[TrialSpec]) -> Iterator[tuple[TrialSpec, TrialResult]]:
        """Yield the result of each evaluation, and end the running evaluations when the generator is closed."""
