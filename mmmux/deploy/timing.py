"""Time functions in turn, and summarise their times."""
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from operator import truediv
from statistics import median, quantiles
from typing import TypeVar

Name = TypeVar('Name', bound=Hashable)

WARM_UP = 3
WIDE = 0.15  # largest (third - first quartile) / median of a conclusive row; a wider spread is noise of a shared machine


def timed(steps: Mapping[Name, Callable[[], object]], rounds: int) -> dict[Name, list[float]]:
    """Time functions in turn: each round calls every function once, so that other load on the machine affects all alike.

    torch.utils.benchmark times one function after another instead, with calls to warm up before each.

    Args:
        steps (Mapping[Name, Callable[[], object]]): Functions by name.
        rounds (int): Timed rounds; `WARM_UP` untimed rounds come before.

    Returns:
        dict[Name, list[float]]: For each function, one time in seconds per round.
    """
    seconds = {name: [] for name in steps}
    for number in range(-WARM_UP, rounds):
        for name, step in steps.items():
            start = time.perf_counter()
            step()
            if number >= 0:
                seconds[name].append(time.perf_counter() - start)
    return seconds


def median_ratio(times: Sequence[float], reference: Sequence[float]) -> float:
    """Return the median of the ratios within a round, on which slow minutes of the machine have no effect.

    Args:
        times (Sequence[float]): One time per round.
        reference (Sequence[float]): One time per round of the function to compare with.

    Returns:
        float: The median ratio; less than 1 is faster than the reference.
    """
    return median(map(truediv, times, reference))


def summarise(seconds: Mapping[Name, Sequence[float]]) -> dict[Name, dict]:
    """Summarise the times of each function.

    `ratio_quartiles` are quartiles of the ratios within a round, as in :func:`median_ratio`.

    Args:
        seconds (Mapping[Name, Sequence[float]]): The result of :func:`timed` with two rounds or more. The first function is the
            reference of the ratios.

    Returns:
        dict[Name, dict]: For each function `median_ms` and `quartiles_ms` (first and third), in milliseconds; `ratio`, its
        median over the first one's; `ratio_quartiles`; and `conclusive`, whether the interquartile range is at most `WIDE`
        times the median.
    """
    first = next(iter(seconds.values()))
    rows = {}
    for name, times in seconds.items():
        low, middle, high = quantiles(times, n=4, method='inclusive')
        by_round = quantiles(map(truediv, times, first), n=4, method='inclusive')
        rows[name] = dict(
            median_ms=round(middle * 1e3, 3),
            quartiles_ms=[round(low * 1e3, 3), round(high * 1e3, 3)],
            ratio=round(middle / median(first), 3),
            ratio_quartiles=[round(by_round[0], 3), round(by_round[2], 3)],
            conclusive=(high - low) / middle <= WIDE)
    return rows
