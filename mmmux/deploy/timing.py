"""Time functions in turn, so that other load on the machine affects all of them alike."""
import time
from collections.abc import Callable, Hashable, Mapping
from typing import TypeVar

WARM_UP = 3
Name = TypeVar('Name', bound=Hashable)


def timed(steps: Mapping[Name, Callable[[], object]], rounds: int) -> dict[Name, list[float]]:
    """Call every function once in each round.

    Args:
        steps (Mapping[Name, Callable[[], object]]): Functions to time, by name.
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
