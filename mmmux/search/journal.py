"""Store every plan and every result of a search on disk before the search uses it."""
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from mmmux.utils.atomic_write import sync_folder
from mmmux.utils.errors import ConfigError
from mmmux.utils.valid_json import dumps
from mmmux.utils.write_lock import WriteLock

Genome = tuple[int, ...]

JOURNAL_FILE = 'journal.jsonl'
DONE, FAILED, TIMEOUT, NAN = STATUSES = ('done', 'failed', 'timeout', 'nan')
_VERSION = 1


@dataclass(frozen=True)
class Evaluation:
    """The result of evaluating one genome.

    Args:
        generation (int): Generation whose plan contains the genome, from 0.
        index (int): Index in the plan, from 0.
        genome (Genome): Canonical genome of the search space.
        status (str): 'done', or the reason for a missing result: 'failed', 'timeout' or 'nan'.
        error (float | None): 1 - metric / best; None unless done.
        metric (float | None): Metric that the evaluator reports; None unless done.
        params (int): Parameters of the whole model.
        macs (int): Multiply-adds of the whole model for one image.
        latency (float | None): Latency divided by the reference network's; None if latency is no objective.
        seconds (float): Duration of the evaluation, in seconds.
        seed (int): Seed of the training.
        reason (str): Cause of a missing result, in a sentence. Default: ''.
        log (str): Path of the training log, relative to the work dir. Default: ''.
    """
    generation: int
    index: int
    genome: Genome
    status: str
    error: float | None
    metric: float | None
    params: int
    macs: int
    latency: float | None
    seconds: float
    seed: int
    reason: str = ''
    log: str = ''

    @property
    def done(self) -> bool:
        """Whether the evaluation has a result."""
        return self.status == DONE


class Entries:
    """The plans and the results of a search.

    Args:
        path (Path): File of the journal.
        lines (Sequence[Mapping]): Lines of the journal after its header, from :func:`read_lines`. Default: ().

    Attributes:
        plans (list[list[Genome]]): Genomes of each planned generation.

    Raises:
        ConfigError: A line is neither the plan of the next generation nor the only result of a planned genome.
    """

    def __init__(self, path: Path, lines: Sequence[Mapping] = ()):
        self.path = path
        self.plans: list[list[Genome]] = []
        self._evaluations: dict[tuple[int, int], Evaluation] = {}
        self._take(lines)

    @property
    def evaluations(self) -> list[Evaluation]:
        """All results, in the order of (generation, index)."""
        return [self._evaluations[key] for key in sorted(self._evaluations)]

    def missing(self, generation: int) -> list[tuple[int, Genome]]:
        """Return the planned genomes of a generation that have no result yet.

        Args:
            generation (int): Number of the generation.

        Returns:
            list[tuple[int, Genome]]: Index and genome.
        """
        return [(index, genome) for index, genome in enumerate(self.plans[generation])
                if (generation, index) not in self._evaluations]

    def _keep(self, evaluation: Evaluation) -> None:
        key = evaluation.generation, evaluation.index
        plan = self.plans[evaluation.generation] if 0 <= evaluation.generation < len(self.plans) else []
        if not 0 <= evaluation.index < len(plan) or plan[evaluation.index] != tuple(evaluation.genome):
            raise ValueError(f'evaluation {key} of genome {evaluation.genome} was not planned')
        if key in self._evaluations:
            raise ValueError(f'evaluation {key} is in the journal already')
        if evaluation.status not in STATUSES:
            raise ValueError(f'status of evaluation {key} is {evaluation.status!r}, not one of {", ".join(STATUSES)}')
        self._evaluations[key] = evaluation

    def _take(self, lines: Sequence[Mapping]) -> None:
        for number, line in enumerate(lines, 2):
            try:
                self._take_line(line)
            except (ValueError, TypeError, KeyError) as error:
                raise ConfigError(f'line {number} of {self.path} does not fit a journal of this version of mmmux ({error}): '
                                  'name another folder with --work-dir') from None

    def _take_line(self, line: Mapping) -> None:
        if 'planned' in line:
            if line['generation'] != len(self.plans):
                raise ValueError(f'generation {line["generation"]} is planned after {len(self.plans)} others')
            self.plans.append([tuple(genome) for genome in line['planned']])
        else:
            self._keep(Evaluation(**{**line, 'genome': tuple(line['genome'])}))


def read_lines(path: Path) -> tuple[list[dict], int]:
    """Read the complete lines of a journal, which may lack the end of its last line: after a kill, or while a search writes it.

    Args:
        path (Path): File of the journal.

    Returns:
        tuple[list[dict], int]: The lines, the header first, and their number of bytes.

    Raises:
        ConfigError: A line before the last one is damaged.
    """
    raw = path.read_bytes().splitlines(keepends=True)
    lines, whole = [], 0
    for number, line in enumerate(raw, 1):
        parsed = _parse(line)
        if parsed is None:
            if number == len(raw):
                break
            raise ConfigError(f'line {number} of {path} is damaged: restore the file from a copy, or name another '
                              'folder with --work-dir')
        lines.append(parsed)
        whole += len(line)
    return lines, whole


class Journal(Entries):
    """A JSON-lines file in the work dir of a search, with a lock that excludes a second search or training there.

    The first line identifies the search. Each later line is the plan of a generation or a result. :meth:`plan` and
    :meth:`append` return after their line is synchronised to disk. Use a journal in a `with` statement, or call :meth:`close`.

    Args:
        work_dir (str | Path): Work dir of the search; created if missing.
        header (Mapping): Values that identify the search and that JSON can hold, e.g. `dict(space=space.fingerprint, seed=0,
            objectives=('error', 'params'))`. The error message on a mismatch shows both values in full, so use few, short
            values.
        resume (bool): Continue an existing journal. Default: False.

    Raises:
        ConfigError: Another run writes to the folder, or it cannot be made; the journal has results, and `resume` is False or
            its header differs; or the journal is damaged.
    """

    def __init__(self, work_dir: str | Path, header: Mapping, resume: bool = False):
        self.work_dir = Path(work_dir)
        super().__init__(self.work_dir / JOURNAL_FILE)
        self._header = _plain(dict(header, version=_VERSION))
        self._lock = WriteLock(self.work_dir, '--work-dir')
        try:
            self._file = self._open(resume)
        except BaseException:
            self._lock.release()
            raise

    def __enter__(self) -> 'Journal':
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def close(self) -> None:
        """Close the file and release the lock."""
        self._file.close()
        self._lock.release()

    def plan(self, genomes: Sequence[Genome]) -> int:
        """Write the plan of the next generation.

        Args:
            genomes (Sequence[Genome]): Canonical genomes.

        Returns:
            int: Number of the generation.
        """
        generation = len(self.plans)
        genomes = [tuple(int(gene) for gene in genome) for genome in genomes]
        self._write(dict(generation=generation, planned=genomes))
        self.plans.append(genomes)
        return generation

    def append(self, evaluation: Evaluation) -> None:
        """Write the result of a planned genome.

        Args:
            evaluation (Evaluation): The result.

        Raises:
            ValueError: The genome was not planned, or the journal has a result of it.
        """
        self._keep(evaluation)
        self._write({key: _plain_number(value) for key, value in asdict(evaluation).items()})

    def _open(self, resume: bool):
        """Read the file, remove an incomplete last line (after a kill or on a full disk), and open the file for appending."""
        lines, whole = read_lines(self.path) if self.path.exists() else ([], 0)
        if all('planned' in line for line in lines[1:]):  # no results: settings may be corrected and the search started anew
            if not resume or lines[:1] != [self._header]:
                lines, whole = [], 0
        elif not resume:
            raise ConfigError(f'{self.path} holds the results of an earlier search: continue it with --resume, or name another '
                              'folder with --work-dir')
        if lines:
            self._compare(lines[0])
            self._take(lines[1:])
        file = open(self.path, 'ab')  # noqa: SIM115  closed by `close`
        file.truncate(whole)
        sync_folder(self.work_dir)
        if not lines:
            self._file = file
            self._write(self._header)
        return file

    def _compare(self, found: Mapping) -> None:
        differing = [key for key in {**self._header, **found} if self._header.get(key) != found.get(key)]
        if differing:
            pairs = ' and '.join(f'{key} {dumps(found.get(key))} and not {dumps(self._header.get(key))}'
                                 for key in differing)
            raise ConfigError(f'{self.path} belongs to another search, which has {pairs}: restore its settings in the config, '
                              'or name another folder with --work-dir')

    def _write(self, line: Mapping) -> None:
        self._file.write(dumps(line).encode() + b'\n')
        self._file.flush()
        os.fsync(self._file.fileno())


def _parse(line: bytes) -> dict | None:
    """Parse a line; return None if the line is incomplete."""
    if not line.endswith(b'\n'):
        return None
    try:
        parsed = json.loads(line)
    except ValueError:
        return None
    return parsed if isinstance(parsed, dict) else None


def _plain(value: Mapping) -> dict:
    """Convert values to those that JSON returns after reading: tuples become lists."""
    return json.loads(dumps(value))


def _plain_number(value):
    """Convert numpy's numbers, which JSON cannot hold, to Python's."""
    if isinstance(value, tuple):
        return [_plain_number(item) for item in value]
    return value.item() if hasattr(value, 'item') else value
