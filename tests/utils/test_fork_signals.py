"""Pools end, whenever their processes are asked to, beside handlers as trainings and clusters set them."""
import multiprocessing
import os
import signal

import pytest
from forked_process import FORKED

from mmmux.engine.runner.stop_signals import StopSignals
from mmmux.utils import fork_signals


def end_pools_that_begin() -> None:
    fork = multiprocessing.get_context('fork')
    for _ in range(200):
        fork.Pool(2).terminate()  # it waits for its processes, which have just begun


def beside_a_handler() -> None:
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    with fork_signals.sigterm_ends_children():
        end_pools_that_begin()


def in_a_training() -> None:
    StopSignals().watch()
    end_pools_that_begin()


@pytest.mark.slow
@pytest.mark.parametrize('body', [beside_a_handler, in_a_training])
def test_pools_end(body):
    process = FORKED.Process(target=body)
    process.start()
    process.join(240)  # most of it is the start of the server that forks it
    hangs = process.exitcode is None
    process.kill()
    process.join()
    assert not hangs and process.exitcode == 0


def test_signals_are_heard_again_after_a_fork():
    heard, before = [], signal.signal(signal.SIGTERM, lambda *_: heard.append(1))
    try:
        with fork_signals.sigterm_ends_children():
            child = multiprocessing.get_context('fork').Process(target=abs, args=(1, ))
            child.start()
            child.join()
            os.kill(os.getpid(), signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert heard == [1] and signal.SIGTERM not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
