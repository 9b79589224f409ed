"""What all executors do alike."""
from abc import abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, closing

from mmmux.search.trial_process import REFUSED, TrialResult, TrialSpec, finished_result
from mmmux.utils.errors import ConfigError


class Executor(AbstractContextManager):
    """What runs evaluations, in a `with` statement."""

    OPTIONS: tuple[str, ...]  # of `search.executor` beside `type`

    def run(self, specs: Iterable[TrialSpec]) -> Iterator[tuple[TrialSpec, TrialResult]]:
        """Evaluate all, and yield each result as soon as it is there: first those that an interrupted search left on disk.

        A crash, a time-out and a loss that is no number are results. Closing the iterator ends what is running.

        Raises:
            ConfigError: a mistake of the user's, which every further evaluation would repeat.
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
        """A generator that evaluates all and, when it is closed, ends what is running."""
