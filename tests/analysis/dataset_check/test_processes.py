import os
import signal
import time

import pytest
from forked_process import FORKED

from mmmux.analysis.dataset_check.processes import Failed, share_out


def work(task: int):
    if task % 10 == 3:
        os.kill(os.getpid(), signal.SIGKILL)  # as the kernel does when memory runs out
    if task % 10 == 5:
        raise MemoryError('too large')
    if task % 10 == 7:
        os._exit(4)
    return task * task


@pytest.mark.slow
@pytest.mark.parametrize('processes', [1, 3])
def test_each_task_has_a_result_although_others_fail(processes):
    results = dict(share_out(work, range(40), processes))
    assert sorted(results) == list(range(40))
    for task, result in results.items():
        expected = {3: Failed('signal 9, SIGKILL', True), 5: Failed('MemoryError: too large'), 7: Failed('status 4', True)}
        assert result == expected.get(task % 10, task * task)


@pytest.mark.slow
def test_every_process_dies_of_every_task():
    results = list(share_out(lambda task: os.kill(os.getpid(), signal.SIGKILL), range(20), 2))
    assert sorted(task for task, _ in results) == list(range(20)) and all(result.killed for _, result in results)


def test_no_tasks():
    assert list(share_out(work, [], 2)) == []


def children() -> set[str]:
    return set(open(f'/proc/self/task/{os.getpid()}/children').read().split())


@pytest.mark.skipif(not os.path.exists(f'/proc/self/task/{os.getpid()}/children'), reason='needs the /proc of Linux')
def test_no_process_is_left_after_close():
    before = children()
    results = share_out(lambda task: time.sleep(task), [0, 600, 600], 2)
    assert next(results) == (0, None) and children() - before
    results.close()
    assert children() == before


def end_processes_that_begin():
    signal.signal(signal.SIGTERM, lambda *_: None)  # a training has such a handler, which saves first
    for _ in range(50):
        assert list(share_out(work, [3], 1)) == [(3, Failed('signal 9, SIGKILL', True))]  # its replacement has just started


@pytest.mark.slow
def test_process_that_has_just_begun_is_ended():
    process = FORKED.Process(target=end_processes_that_begin)
    process.start()
    process.join(60)
    assert process.exitcode == 0
    process.close()


def test_processes_share_the_objects_of_the_function():
    large = bytearray(1 << 20)
    assert [result for _, result in share_out(lambda task: len(large), range(3), 1)] == [1 << 20] * 3
