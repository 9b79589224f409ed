"""Print the progress of a search."""
import time

from tqdm import tqdm

from .generations import GenerationRecord
from .journal import Evaluation

_SECONDS_BETWEEN_LINES = 10


class SearchProgress:
    """Print a bar that counts evaluations, and a line after each generation.

    If the output is not a terminal, the bar prints at most one line every ten seconds.

    Args:
        total (int): Number of evaluations of the search.
        done (int): Number of evaluations of an earlier run.
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
        """Count an evaluation, and print the reason if it has no result.

        Args:
            evaluation (Evaluation): The evaluation.
        """
        self.bar.update()
        if not evaluation.done:
            self.bar.write(f'  network {evaluation.index} of generation {evaluation.generation}: {evaluation.status}, '
                           f'{evaluation.reason} ({evaluation.log})')

    def generation(self, record: GenerationRecord) -> None:
        """Print the state of the search after a generation.

        Args:
            record (GenerationRecord): Record of the generation.
        """
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
        """Estimate the remaining time of the search from the mean pace of this run, in seconds.

        Args:
            done (int): Number of evaluations so far, with those of an earlier run.

        Returns:
            float: Remaining time, in seconds.
        """
        now = max(done - self._done_before, 1)
        return (time.monotonic() - self._started) / now * (self.total - done)
