"""Run one evaluation in a separate process: `python -m mmmux.search.trial_process FOLDER`.

The folder holds the input (`trial.json`, `config.py`), the output (`result.json`, `trial.log`) and, if other networks may
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

from mmmux.utils.atomic_write import write_json
from mmmux.utils.errors import ConfigError, DatasetError, TrainingError
from mmmux.utils.valid_json import dumps

from .journal import DONE, FAILED, NAN, STATUSES, Evaluation, Genome

SPEC_FILE, CONFIG_FILE, RESULT_FILE, LOG_FILE = 'trial.json', 'config.py', 'result.json', 'trial.log'
WEIGHTS_FILE = 'weights.pth'
REFUSED = 'refused'  # an error in the config or the data; it ends the search and is not a result
_OF_THE_TIMER = ('time', 'data_time')  # mmengine's timer hook reports these together with the metrics


class UnknownMetric(ConfigError):
    """The evaluator does not report the search's metric; the message lists the metrics that it reports."""


@dataclass(frozen=True)
class TrialSpec:
    """The input of one evaluation.

    Args:
        generation (int): Number of the generation.
        index (int): Index in the plan of the generation.
        genome (Genome): Canonical genome of the search space.
        folder (Path): Folder for the files of this evaluation, created if missing; see :func:`trial_folder`.
        seed (int): Seed of the training.
        metric (str): Metric of the search, by the name that the evaluator reports; higher is better.
        best (float): Value of a perfect metric. Default: 1.
        config (str): Text of the config to train, see :func:`mmmux.search.training.config_text`. Default: ''.
        function (str): `module:name` of the function that evaluates. It is called with this object and returns the metrics by
            name. Default: :func:`mmmux.search.training.train_and_validate`.
        arguments (Mapping): Further values for the function, which JSON must be able to hold. Default: {}.
        time_limit (float | None): Longest duration, in seconds. Default: None, no limit.
        inherit (str): Checkpoint whose fitting weights initialise the model. Default: '', none.
        keep_weights (bool): Save the final weights, so that other networks can inherit them. Default: False.
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
        """Write the files of a new evaluation to the folder, and remove an earlier result."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / RESULT_FILE).unlink(missing_ok=True)
        (self.folder / CONFIG_FILE).write_text(self.config)
        (self.folder / SPEC_FILE).write_text(self._text())

    @classmethod
    def read(cls, folder: Path) -> 'TrialSpec':
        """Read the files that :meth:`write` wrote.

        Args:
            folder (Path): Folder of the evaluation.

        Returns:
            TrialSpec: Input of the evaluation.
        """
        values = json.loads((folder / SPEC_FILE).read_text())
        values['genome'] = tuple(values['genome'])
        return cls(**values, folder=folder, config=(folder / CONFIG_FILE).read_text())

    def is_in(self, folder: Path) -> bool:
        """Return whether a folder holds the files of this evaluation.

        Args:
            folder (Path): Folder to read.

        Returns:
            bool: True if the stored files equal those of this evaluation.
        """
        try:
            return (folder / SPEC_FILE).read_text() == self._text() and (folder / CONFIG_FILE).read_text() == self.config
        except (OSError, UnicodeDecodeError):
            return False

    def _text(self) -> str:
        genome = [int(gene) for gene in self.genome]
        values = {item.name: getattr(self, item.name) for item in fields(self) if item.name not in ('folder', 'config')}
        return dumps({**values, 'genome': genome}, indent=1) + '\n'


@dataclass(frozen=True)
class TrialResult:
    """The output of one evaluation; :class:`mmmux.search.journal.Evaluation` documents the fields."""
    status: str
    seconds: float
    metric: float | None = None
    error: float | None = None
    reason: str = ''

    def write(self, folder: Path) -> None:
        """Write the result to a folder atomically: after a kill or a power failure, the file is complete or absent.

        Args:
            folder (Path): Folder of the evaluation.
        """
        write_json(folder / RESULT_FILE, asdict(self))

    @classmethod
    def read(cls, folder: Path) -> 'TrialResult | None':
        """Read the result from a folder.

        Args:
            folder (Path): Folder of the evaluation.

        Returns:
            TrialResult | None: The result; None if the folder has none that can be read.
        """
        try:
            return cls(**json.loads((folder / RESULT_FILE).read_text()))
        except (OSError, ValueError, TypeError):
            return None

    def evaluation(self, spec: TrialSpec, params: int, macs: int, latency: float | None = None) -> Evaluation:
        """Make the journal's entry of this result.

        Args:
            spec (TrialSpec): Input of the evaluation.
            params (int): Parameters of the whole model.
            macs (int): Multiply-adds of the whole model for one image.
            latency (float | None): Latency divided by the reference network's. Default: None.

        Returns:
            Evaluation: The journal's entry.
        """
        return Evaluation(spec.generation, spec.index, spec.genome, self.status, self.error, self.metric, params, macs, latency,
                          self.seconds, spec.seed, self.reason, log=f'{"/".join(spec.folder.parts[-2:])}/{LOG_FILE}')


def trial_folder(work_dir: str | Path, generation: int, index: int) -> Path:
    """Return the folder for the files of an evaluation.

    Args:
        work_dir (str | Path): Work dir of the search.
        generation (int): Number of the generation.
        index (int): Index in the plan of the generation.

    Returns:
        Path: Absolute path of the folder `trials/GGG-III` (generation and index) in the work dir.
    """
    return Path(work_dir).resolve() / 'trials' / f'{generation:03d}-{index:03d}'


def finished_result(spec: TrialSpec) -> TrialResult | None:
    """Return the result that an interrupted search stored for this evaluation.

    Args:
        spec (TrialSpec): Input of the evaluation.

    Returns:
        TrialResult | None: The result; None before the trial has one.
    """
    result = TrialResult.read(spec.folder) if spec.is_in(spec.folder) else None
    return result if result and result.status in STATUSES else None


def judge(metrics: Mapping, spec: TrialSpec) -> TrialResult:
    """Convert reported metrics to a result whose `seconds` are 0.

    Args:
        metrics (Mapping): Metrics by name.
        spec (TrialSpec): Input of the evaluation.

    Returns:
        TrialResult: 'done' with metric and error, 'nan' if the metric is not finite, 'failed' if no metric is reported.

    Raises:
        UnknownMetric: The evaluator reports metrics, but not the search's.
    """
    reported = {name: value for name, value in metrics.items() if name not in _OF_THE_TIMER}
    if not reported:  # as COCO's evaluator if a detector finds nothing
        return TrialResult(FAILED, 0., reason='the evaluator reported no metric')
    if spec.metric not in reported:
        raise UnknownMetric(f"search.metric is '{spec.metric}', which the evaluator does not report: choose from "
                            f'{", ".join(sorted(reported))}')
    metric = float(reported[spec.metric])
    if not math.isfinite(metric):
        return TrialResult(NAN, 0., reason=f'{spec.metric} is {metric}')
    return TrialResult(DONE, 0., metric, 1 - metric / spec.best)


def evaluate(spec: TrialSpec) -> TrialResult:
    """Call the function of a trial in this process.

    A data set error and an unknown metric give the status `REFUSED`, a loss that is not finite gives 'nan'.

    Args:
        spec (TrialSpec): Input of the evaluation.

    Returns:
        TrialResult: The result, with its duration in seconds.

    Raises:
        Exception: Any other error of the function.
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
    """Kill this process group when standard input ends, that is, when the search closes or loses its end of the pipe.

    A guard process waits for the end of the input. It therefore works while this process is inside a library call, and also
    kills the processes that load data. The pipe closes even if SIGKILL ends the search, because no other process holds its
    other end.
    """
    if stat.S_ISFIFO(os.fstat(0).st_mode) and os.fork() == 0:  # without a pipe, a user runs the trial by hand
        try:
            os.read(0, 1)
        finally:
            os.killpg(0, signal.SIGKILL)


def main() -> None:
    """Run the evaluation in the folder that the command line names, and write its result there."""
    end_with_the_search()
    folder = Path(sys.argv[1])
    try:
        evaluate(TrialSpec.read(folder)).write(folder)
    except Exception as error:
        traceback.print_exc()
        sys.exit(f'{type(error).__name__}: {_cause(error)}')


def _cause(error: Exception) -> str:
    """Return one line of an error's message: the last if a data loading process wrapped its traceback, else the first."""
    lines = str(error).strip().splitlines() or ['']
    return lines[-1] if 'Original Traceback' in str(error) else lines[0]


if __name__ == '__main__':
    main()
