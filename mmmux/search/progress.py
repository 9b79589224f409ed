"""What a search says while it runs."""
import time

from tqdm import tqdm

from .generations import GenerationRecord
from .journal import Evaluation

_SECONDS_BETWEEN_LINES = 10


class SearchProgress:
    """A bar that counts evaluations, and a line after each generation. In a file, a new line every ten seconds.

    Args:
        total: evaluations in all.
        done: of an earlier run.
    """

    def __init__(self, total: int, done: int):
        self.total = total
        self._started, self._done_before = time.monotonic(), done
        self.bar = tqdm(desc='search', total=total, initial=done, unit='network', dynamic_ncols=True)
        if not self.bar.fp.isatty():
            self.bar.mininterval = _SECONDS_BETWEEN_LINES

    def __enter__(self) -> 'SearchProgress':
        return self

    def __exit__(self, *_) -> None:
        self.bar.close()

    def step(self, evaluation: Evaluation) -> None:
        """Count an evaluation; tell why there is no result."""
        self.bar.update()
        if not evaluation.done:
            self.bar.write(f'  network {evaluation.index} of generation {evaluation.generation}: {evaluation.status}, '
                           f'{evaluation.reason} ({evaluation.log})')

    def generation(self, record: GenerationRecord) -> None:
        """Tell what became of a generation."""
        parts = [f'{record.evaluations} of {self.total} evaluations', f'{record.front} on the front']
        if record.hypervolume is not None:
            parts.append(f'hypervolume {record.hypervolume:.4f}')
        if record.spearman_so_far is not None:
            now = '-' if record.spearman is None else f'{record.spearman:.2f}/{record.kendall:.2f}'
            parts.append(f'rank correlation of predictions (Spearman/Kendall) {now}, so far '
                         f'{record.spearman_so_far:.2f}/{record.kendall_so_far:.2f}')
        parts.append(f'{tqdm.format_interval(self.seconds_left(record.evaluations))} left')
        self.bar.write(f'generation {record.generation}: {", ".join(parts)}')

    def seconds_left(self, done: int) -> float:
        """At the pace of this run so far."""
        now = max(done - self._done_before, 1)
        return (time.monotonic() - self._started) / now * (self.total - done)
