"""One evaluation in a process of its own: `python -m mmmux.search.trial_process FOLDER`.

The folder holds what to do (`trial.json`, `config.py`), what became of it (`result.json`, `trial.log`) and, where others may
inherit them, the weights.
"""
import importlib
import json
import math
import os
import signal
import stat
import sys
import time
import traceback
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path

from mmmux.utils.errors import ConfigError, DatasetError, TrainingError

from .journal import DONE, FAILED, NAN, STATUSES, Evaluation, Genome

SPEC_FILE, CONFIG_FILE, RESULT_FILE, LOG_FILE = 'trial.json', 'config.py', 'result.json', 'trial.log'
WEIGHTS_FILE = 'weights.pth'
REFUSED = 'refused'  # a mistake of the user's: it ends the search and is not a result
_OF_THE_TIMER = ('time', 'data_time')  # mmengine's hook reports these with the evaluator's


class UnknownMetric(ConfigError):
    """The evaluator does not report the metric of the search; the message lists what it does."""


@dataclass(frozen=True)
class TrialSpec:
    """What to evaluate, and where.

    Args:
        generation: of the plan.
        index: in the plan.
        genome: of the search space.
        folder: for the files of this evaluation, made if it is not there; see :func:`trial_folder`.
        seed: of the training.
        metric: as the evaluator reports it; higher is better.
        best: value of a perfect metric.
        config: text of the mm config to train, see :func:`mmmux.search.training.config_text`.
        function: `module:name` of what evaluates, called with this object; it returns the metrics by name.
        arguments: for a function that takes more than a config: values that JSON can hold.
        time_limit: seconds from start to end; None for no limit.
        inherit: checkpoint to take weights from, where they fit; '' for none.
        keep_weights: whether others may inherit from this one.
    """
    generation: int
    index: int
    genome: Genome
    folder: Path
    seed: int
    metric: str
    best: float = 1.
    config: str = ''
    function: str = field(kw_only=True)
    arguments: Mapping = field(default_factory=dict, hash=False)
    time_limit: float | None = None
    inherit: str = ''
    keep_weights: bool = False

    def write(self) -> None:
        """Lay out the folder for a new start."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / RESULT_FILE).unlink(missing_ok=True)
        (self.folder / CONFIG_FILE).write_text(self.config)
        (self.folder / SPEC_FILE).write_text(self._text())

    @classmethod
    def read(cls, folder: Path) -> 'TrialSpec':
        """What :meth:`write` wrote."""
        values = json.loads((folder / SPEC_FILE).read_text())
        values['genome'] = tuple(values['genome'])
        return cls(**values, folder=folder, config=(folder / CONFIG_FILE).read_text())

    def is_in(self, folder: Path) -> bool:
        """Whether a folder holds this very evaluation."""
        try:
            return (folder / SPEC_FILE).read_text() == self._text() and (folder / CONFIG_FILE).read_text() == self.config
        except (OSError, UnicodeDecodeError):
            return False

    def _text(self) -> str:
        genome = [int(gene) for gene in self.genome]
        values = {item.name: getattr(self, item.name) for item in fields(self) if item.name not in ('folder', 'config')}
        return json.dumps({**values, 'genome': genome}, indent=1) + '\n'


@dataclass(frozen=True)
class TrialResult:
    """What became of it: `status` and the rest as in :class:`mmmux.search.journal.Evaluation`."""
    status: str
    seconds: float
    metric: float | None = None
    error: float | None = None
    reason: str = ''

    def write(self, folder: Path) -> None:
        """Write it so that after a kill or a power cut it is there as a whole or not at all."""
        path, passing = folder / RESULT_FILE, folder / f'{RESULT_FILE}.{os.getpid()}'
        with open(passing, 'w') as file:
            json.dump(asdict(self), file)
            file.flush()
            os.fsync(file.fileno())
        passing.replace(path)

    @classmethod
    def read(cls, folder: Path) -> 'TrialResult | None':
        """The result in a folder; None where there is none."""
        try:
            return cls(**json.loads((folder / RESULT_FILE).read_text()))
        except (OSError, ValueError, TypeError):
            return None

    def evaluation(self, spec: TrialSpec, params: int, macs: int, latency: float | None = None) -> Evaluation:
        """The journal's line of it."""
        return Evaluation(spec.generation, spec.index, spec.genome, self.status, self.error, self.metric, params, macs, latency,
                          self.seconds, spec.seed, self.reason, log=f'{"/".join(spec.folder.parts[-2:])}/{LOG_FILE}')


def trial_folder(work_dir: str | Path, generation: int, index: int) -> Path:
    """Where the files of an evaluation are."""
    return Path(work_dir).resolve() / 'trials' / f'{generation:03d}-{index:03d}'


def finished_result(spec: TrialSpec) -> TrialResult | None:
    """The result of this very evaluation that an interrupted search left behind; None where there is none."""
    result = TrialResult.read(spec.folder) if spec.is_in(spec.folder) else None
    return result if result and result.status in STATUSES else None


def judge(metrics: Mapping, spec: TrialSpec) -> TrialResult:
    """The result that reported metrics amount to; its `seconds` are 0.

    Raises:
        UnknownMetric: the evaluator reports other metrics only.
    """
    reported = {name: value for name, value in metrics.items() if name not in _OF_THE_TIMER}
    if not reported:  # COCO's does so where a detector finds nothing at all
        return TrialResult(FAILED, 0., reason='the evaluator reported nothing')
    if spec.metric not in reported:
        raise UnknownMetric(f"search.metric is '{spec.metric}', which the evaluator does not report: it reports "
                            f'{", ".join(sorted(reported))}')
    metric = float(reported[spec.metric])
    if not math.isfinite(metric):
        return TrialResult(NAN, 0., reason=f'{spec.metric} is {metric}')
    return TrialResult(DONE, 0., metric, 1 - metric / spec.best)


def evaluate(spec: TrialSpec) -> TrialResult:
    """Call the function of a trial in this process.

    Raises:
        Exception: whatever goes wrong that is neither the user's mistake nor a loss that is no number.
    """
    started = time.monotonic()
    module, _, name = spec.function.partition(':')
    try:
        metrics = getattr(importlib.import_module(module), name)(spec)
        result = judge(metrics, spec)
    except (DatasetError, UnknownMetric) as error:
        result = TrialResult(REFUSED, 0., reason=str(error))
    except TrainingError as error:
        result = TrialResult(NAN, 0., reason=str(error))
    return replace(result, seconds=time.monotonic() - started)


def end_with_the_search() -> None:
    """Have the whole process group killed when standard input ends: the search holds its other end, and nothing else does.

    A guard process does it, which waits for nothing else, so that it works also while this one is deep in a library, and the
    processes that load data end as well. A search that is killed by SIGKILL closes the pipe like any other.
    """
    if stat.S_ISFIFO(os.fstat(0).st_mode) and os.fork() == 0:  # no pipe: somebody runs it by hand
        try:
            os.read(0, 1)
        finally:
            os.killpg(0, signal.SIGKILL)


def main() -> None:
    """Evaluate what the folder named on the command line holds."""
    end_with_the_search()
    folder = Path(sys.argv[1])
    try:
        evaluate(TrialSpec.read(folder)).write(folder)
    except Exception as error:
        traceback.print_exc()
        sys.exit(f'{type(error).__name__}: {_cause(error)}')


def _cause(error: Exception) -> str:
    """One line; of an error that a data loading process has wrapped in its traceback, the last."""
    lines = str(error).strip().splitlines() or ['']
    return lines[-1] if 'Original Traceback' in str(error) else lines[0]


if __name__ == '__main__':
    main()
