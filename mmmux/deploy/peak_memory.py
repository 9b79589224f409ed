"""Measure the peak memory of a function in a separate process."""
import re
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path

import torch

from mmmux.utils.errors import ConfigError


def peak_mib(device: str, make_step: Callable[..., Callable[[], object]], *args) -> int:
    """Measure the peak memory of a step in a separate process, without its libraries and weights.

    The value is resident memory on a CPU (Linux only), and memory that torch allocates on a GPU.

    Args:
        device (str): 'cpu' or 'cuda'.
        make_step (Callable[..., Callable[[], object]]): Makes the step; a function of a module.
        *args: Arguments of `make_step`; must be picklable.

    Returns:
        int: Peak memory minus the memory in use before the first call, in MiB.

    Raises:
        ConfigError: The process died, for example for lack of memory.
    """
    with ProcessPoolExecutor(1, get_context('spawn')) as processes:
        try:
            return processes.submit(_peak, device, make_step, args).result()
        except BrokenProcessPool:
            raise ConfigError(f'the process that measures the peak memory of {args[0]} died: out of memory?') from None


def _peak(device: str, make_step: Callable[..., Callable[[], object]], args: tuple) -> int:
    step = make_step(*args)
    before = _memory('VmRSS', torch.cuda.memory_allocated, device)
    for _ in range(2):
        step()
    return _memory('VmHWM', torch.cuda.max_memory_allocated, device) - before


def _memory(field: str, allocated: Callable[[], int], device: str) -> int:
    # getrusage is not used, because a child process inherits the parent's larger peak there.
    if device != 'cpu':
        return allocated() // 2**20
    return int(re.search(rf'{field}:\s+(\d+) kB', Path('/proc/self/status').read_text())[1]) // 2**10
