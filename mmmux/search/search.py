"""Run a search: propose networks, evaluate them, and learn from the results until enough networks are evaluated."""
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from mmengine.config import Config

from .budget import check_budgets
from .executors import Executor, make_executor
from .feasible import Costs
from .generations import Generations
from .journal import FAILED, Evaluation, Journal
from .model_costs import make_costs
from .progress import SearchProgress
from .settings import SearchSettings
from .strategy import Strategy
from .trial_factory import SearchedTask, Trials
from .trial_process import TrialResult


def run_search(settings: SearchSettings, cfg: Config, work_dir: str | Path, resume: bool = False,
               on_generation: Callable[[Sequence[Evaluation]], None] = lambda evaluations: None,
               task: SearchedTask | None = None) -> list[Evaluation]:
    """Run a search.

    Generations are synchronous: a generation is proposed after the last result of the generation before it. Proposals therefore
    depend on the results, but not on the order in which the results arrive.

    Args:
        settings (SearchSettings): Settings of the search, from the config.
        cfg (Config): The whole config.
        work_dir (str | Path): Folder for the journal, the files of the evaluations, and `generations.json`.
        resume (bool): Continue the search in `work_dir`. Default: False.
        on_generation (Callable[[Sequence[Evaluation]], None]): Called with all evaluations so far after the last result of each
            generation. Default: a function that does nothing.
        task (SearchedTask | None): Task of the config; it checks the configs of trials, and is required if latency is
            an objective and models are trained. Default: None.

    Returns:
        list[Evaluation]: All evaluations, in the order of (generation, index).

    Raises:
        ConfigError: The config cannot be used, or the journal belongs to another search.
    """
    costs = make_costs(cfg, settings)
    check_budgets(settings.space, costs, settings.budgets)
    strategy = Strategy(settings, costs)
    trials = Trials(settings, cfg, Path(work_dir).resolve(), task)
    with (Journal(work_dir, _header(settings), resume) as journal, make_executor(settings.executor) as executor,
          SearchProgress(settings.evaluations, len(journal.evaluations)) as progress):
        generations = Generations(trials.work_dir, strategy)
        for generation in _unfinished(journal, strategy, settings):
            for evaluation in _evaluate(generation, journal, trials, costs, executor):
                journal.append(evaluation)
                progress.step(evaluation)
            progress.generation(generations.add(journal.evaluations))
            on_generation(journal.evaluations)
        return journal.evaluations


def _header(settings: SearchSettings) -> dict:
    """Return the settings that must be equal for results to be comparable and to lead to the same decisions."""
    names = ('objectives', 'seed', 'size', 'metric', 'best', 'budgets', 'analytic', 'schedule', 'inherit', 'latency',
             'strategy', 'surrogate')
    return dict(space=settings.space.fingerprint, **{name: getattr(settings, name) for name in names})


def _unfinished(journal: Journal, strategy: Strategy, settings: SearchSettings) -> Iterator[int]:
    """Yield the numbers of the generations to evaluate: the last one of an earlier run, then new ones as they are planned."""
    if journal.plans:
        # Even if no result is missing: the search may have ended between the last result and its record.
        yield len(journal.plans) - 1
    while True:
        wanted = settings.batch if journal.plans else settings.initial
        wanted = min(wanted, settings.evaluations - sum(map(len, journal.plans)))
        genomes = strategy.propose(journal.evaluations, len(journal.plans), wanted) if wanted > 0 else []
        if not genomes:
            return
        yield journal.plan(genomes)


def _evaluate(generation: int, journal: Journal, trials: Trials, costs: Costs, executor: Executor) -> Iterator[Evaluation]:
    """Yield the missing results of a generation as they arrive."""
    earlier = [evaluation for evaluation in journal.evaluations if evaluation.generation < generation]
    specs, known = [], {}
    for index, genome in journal.missing(generation):
        spec = trials.spec(generation, index, genome, earlier)
        counted = [int(count(np.array([genome]))[0]) for count in (costs.params, costs.macs)]
        try:  # before the trainings start, because they would disturb the measurement
            known[index] = *counted, trials.latency(genome)
        except RuntimeError as error:
            yield TrialResult(FAILED, 0., reason=str(error)).evaluation(spec, *counted)
        else:
            specs.append(spec)
    for spec, result in executor.run(specs):
        yield result.evaluation(spec, *known[spec.index])
