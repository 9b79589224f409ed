"""Pick one network from the front of a search."""
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from mmmux.utils.errors import ConfigError

from .front import Box, front
from .journal import JOURNAL_FILE, Entries, Evaluation, read_lines
from .prediction import measured
from .space import SearchSpace

KNEE = 'knee'


def read_results(work_dir: str | Path, space: SearchSpace) -> list[Evaluation]:
    """Read the evaluations of a search, which may still be running.

    Args:
        work_dir (str | Path): Work dir of the search.
        space (SearchSpace): Search space of the config.

    Returns:
        list[Evaluation]: All results, in the order of (generation, index).

    Raises:
        ConfigError: The folder holds no search, a search of another space, or a damaged journal.
    """
    path = Path(work_dir) / JOURNAL_FILE
    if not path.is_file():
        raise ConfigError(f'{path} does not exist: run the search first, or name its folder with --work-dir')
    header, *rest = read_lines(path)[0] or [{}]
    if header.get('space') != space.fingerprint:
        raise ConfigError(f'{path} belongs to a search of another space ({header.get("space")} and not {space.fingerprint}): '
                          'restore search.space in the config, or name another folder with --work-dir')
    return Entries(path, rest).evaluations


def pick(evaluations: Sequence[Evaluation], objectives: Sequence[str], how: str) -> Evaluation:
    """Pick one result from the front of a search.

    Args:
        evaluations (Sequence[Evaluation]): Evaluations of a search.
        objectives (Sequence[str]): Names of the search's objectives.
        how (str): One of

            * 'knee': the result farthest below the plane through the corners of the front (Das, "On characterizing the knee of
              the Pareto curve", 1999). Each objective is scaled from 0 to 1 along the front, the costs logarithmically;
            * weights, e.g. 'error=1,params=0.3,macs=0.3': the result with the smallest weighted sum of the objectives, scaled
              in the same way;
            * a budget, e.g. 'params=1.8e6,macs=66e6': the result with the smallest error within the budget. A budget does not
              name the error; weights do.

    Returns:
        Evaluation: The picked result.

    Raises:
        ConfigError: `how` has another form, there are no results, or no result is within the budget.
    """
    numbers = None if how == KNEE else parse_numbers(how, objectives)
    good = [evaluation for evaluation in evaluations if evaluation.done]
    if not good:
        raise ConfigError(f'no network can be picked: none of {len(evaluations)} evaluations has a result; continue the search '
                          'with --resume')
    best = [good[index] for index in front(measured(good, objectives))]
    if numbers is None:
        return _smallest_sum(best, objectives, dict.fromkeys(objectives, 1.))
    if 'error' in numbers:
        return _smallest_sum(best, objectives, numbers)
    return _within(good, numbers)


def parse_numbers(text: str, objectives: Sequence[str]) -> dict[str, float]:
    """Parse weights or budgets.

    Args:
        text (str): 'name=number,...'.
        objectives (Sequence[str]): Accepted names.

    Returns:
        dict[str, float]: The numbers by name.

    Raises:
        ConfigError: The text has another form, names no objective, or has no number above 0.
    """
    numbers = {}
    for part in text.split(','):
        name, _, number = part.strip().partition('=')
        try:
            value = float(number)
        except ValueError:
            value = -1
        if name not in objectives or not 0 <= value < np.inf or name in numbers:
            raise ConfigError(f"--pick must be '{KNEE}', a budget such as params=1.8e6,macs=66e6, or weights such as error=1,"
                              f'params=0.3,macs=0.3, of the objectives {", ".join(objectives)}; got {text!r}')
        numbers[name] = value
    if not any(numbers.values()):
        raise ConfigError(f'--pick needs at least one number above 0, got {text!r}')
    return numbers


def _smallest_sum(best: Sequence[Evaluation], objectives: Sequence[str], weights: Mapping[str, float]) -> Evaluation:
    values = measured(best, objectives)
    lower, upper = (tuple(ends.tolist()) for ends in (values.min(0), values.max(0)))
    scaled = Box(tuple(objectives), lower, upper).normalise(values)
    sums = scaled @ np.array([weights.get(name, 0.) for name in objectives])
    return best[int(sums.argmin())]


def _within(good: Sequence[Evaluation], budget: Mapping[str, float]) -> Evaluation:
    def excess(evaluation: Evaluation) -> float:
        return sum(max(getattr(evaluation, name) / limit - 1, 0) if limit else np.inf for name, limit in budget.items())

    within = [evaluation for evaluation in good if excess(evaluation) == 0]
    if not within:
        nearest = min(good, key=excess)
        near = ' and '.join(f'{getattr(nearest, name):,} {name}' for name in budget)
        limits = ','.join(f'{name}={limit:g}' for name, limit in budget.items())
        raise ConfigError(f'no result of the search is within --pick {limits}: the nearest has {near}')
    return min(within, key=lambda evaluation: (evaluation.error, evaluation.macs, evaluation.params))
