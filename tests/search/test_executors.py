"""Evaluations in processes: every end of a process is a result, and no process outlives the search."""
import os
import signal
import socket
import subprocess
import sys
import textwrap
from dataclasses import replace

import pytest
import torch
from facts import assert_facts, raises
from light_trials import light_python_path
from process_end import has_ended, wait_for

from mmmux.search.executors import Executor, make_executor
from mmmux.search.executors.local import worker_environments
from mmmux.search.executors.process import last_line
from mmmux.search.trial_process import TrialResult, TrialSpec, evaluate, finished_result, trial_folder
from mmmux.utils.errors import ConfigError


@pytest.fixture(scope='module')
def python_path(tmp_path_factory):
    return light_python_path(tmp_path_factory.mktemp('site'))


@pytest.fixture(scope='module', params=['local', pytest.param('ray', marks=pytest.mark.nightly)])
def executor(request, python_path):
    """Two evaluations at a time, on the cores of this machine."""
    if request.param == 'ray':
        pytest.importorskip('ray')
    settings = dict(local=dict(type='local', workers=2), ray=dict(type='ray', cpus=1))[request.param]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('PYTHONPATH', python_path)
        patch.setenv('CUDA_VISIBLE_DEVICES', '')
        patch.setattr('mmmux.search.executors.ray.usable_cores', lambda: 2)
        before = signal.getsignal(signal.SIGTERM)
        with make_executor(settings) as executor:
            yield executor
        assert signal.getsignal(signal.SIGTERM) is before


@pytest.fixture
def spec(tmp_path):
    """Make the input of an evaluation, in its own folder."""
    def make(index: int, function: str, metrics=None, other: int = 0, **options) -> TrialSpec:
        arguments = dict(metrics=metrics or {}, other=str(trial_folder(tmp_path, 0, other)))
        return TrialSpec(0, index, (index, ), trial_folder(tmp_path, 0, index), seed=index, metric='score',
                         function=f'trial_functions:{function}', arguments=arguments, **options)

    return make


@pytest.mark.parametrize('settings,facts', [
    (dict(address='127.0.0.1:1'), ['search.executor.address', "'127.0.0.1:1'", 'refused']),
    (dict(address='auto'), ['search.executor.address', "'auto'"]),
    (dict(cpus=4000), ['search.executor.cpus', 4000, 'at most']),
    (dict(gpus=4000), ['search.executor.gpus', 4000, 'at most']),
])
@pytest.mark.slow
def test_ray_that_is_not_there(settings, facts, monkeypatch):
    pytest.importorskip('ray')
    monkeypatch.delenv('RAY_ADDRESS', raising=False)
    before = signal.getsignal(signal.SIGTERM)
    with raises(ConfigError, *facts):
        make_executor(dict(type='ray', **settings))
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.slow
def test_every_end_of_a_process_is_a_result(executor, spec):
    """The results and logs are on disk; two evaluations run at a time, and no process is left."""
    late = spec(2, 'hang', time_limit=8)
    specs = [spec(0, 'meet', other=1), spec(1, 'meet', other=0), late, spec(3, 'not_a_number'),
             spec(4, 'crash'), spec(5, 'fault'), spec(6, 'missing')]
    results = {spec.index: result for spec, result in executor.run(specs)}
    assert [results[index].status for index in range(7)] == ['done', 'done', 'timeout', 'nan', 'failed', 'failed', 'failed']
    assert (results[0].metric, results[0].error) == (0.75, 0.25)
    for index, facts in {2: ['search.time_limit', '8 s'], 3: ['score', 'nan'], 4: ['RuntimeError', 'no room for 3 tensors'],
                         5: ['SIGSEGV', 'about to fall'], 6: ['AttributeError', "'trial_functions'", "'missing'"]}.items():
        assert_facts(results[index].reason, *facts)
    assert 'Traceback' in (specs[4].folder / 'trial.log').read_text()
    assert 8 <= results[2].seconds < 20
    for spec_ in specs:
        assert TrialResult.read(spec_.folder) == results[spec_.index]
    for pid in wait_for(late.folder / 'pids').split():
        assert has_ended(int(pid))


@pytest.mark.slow
def test_a_mistake_of_the_user_ends_it_all(executor, spec):
    """No file is left that would count as a result after the mistake is corrected."""
    running, wrong = spec(0, 'hang'), spec(1, 'report_when_started', dict(accuracy=0.5, loss=1.))
    with raises(ConfigError, 'search.metric', "'score'", 'accuracy, loss'):
        list(executor.run([running, wrong, spec(2, 'hang')]))
    assert all(has_ended(int(pid)) for pid in wait_for(running.folder / 'pids').split())
    assert [finished_result(spec_) for spec_ in (running, wrong)] == [None, None]


class ExecutorOfTheTest(Executor):
    """Evaluate in this process, and list the evaluated indices."""

    def __init__(self):
        self.evaluated = []

    def __exit__(self, *_):
        pass

    def _run(self, specs):
        for spec in specs:
            spec.write()
            self.evaluated.append(spec.index)
            result = evaluate(spec)
            result.write(spec.folder)
            yield spec, result


def test_finished_evaluations_are_not_run_again(spec):
    specs = [spec(index, 'report', dict(score=0.5)) for index in range(4)]
    specs[1].write()
    TrialResult('failed', 3., reason='no memory').write(specs[1].folder)
    executor = ExecutorOfTheTest()
    first = executor.run(specs[:3])
    assert [next(first)[1].reason, next(first)[1].status] == ['no memory', 'done'] and executor.evaluated == [0]
    first.close()
    assert sorted((spec_.index, result.status) for spec_, result in executor.run(specs)) == [
        (0, 'done'), (1, 'failed'), (2, 'done'), (3, 'done')]
    assert executor.evaluated == [0, 2, 3]


def test_a_corrected_mistake(spec):
    wrong = spec(0, 'report', dict(accuracy=0.5))
    with pytest.raises(ConfigError):
        list(ExecutorOfTheTest().run([wrong]))
    ((_, result), ) = ExecutorOfTheTest().run([replace(wrong, metric='accuracy')])
    assert result.error == 0.5


@pytest.mark.slow
@pytest.mark.parametrize('kind', ['local', pytest.param('ray', marks=pytest.mark.nightly)])
def test_nothing_outlives_a_search_that_is_killed(kind, spec, python_path):
    if kind == 'ray':
        pytest.importorskip('ray')
    hanging = spec(0, 'hang')
    code = textwrap.dedent(f"""
        from pathlib import PosixPath
        from mmmux.search.executors import make_executor
        from mmmux.search.trial_process import TrialSpec
        with make_executor(dict(type={kind!r})) as executor:
            list(executor.run([{hanging!r}]))""")
    search = subprocess.Popen([sys.executable, '-c', code], env=dict(os.environ, PYTHONPATH=python_path))
    try:
        pids = wait_for(hanging.folder / 'pids').split()
    finally:
        search.send_signal(signal.SIGKILL)
        search.wait()
    assert all(has_ended(int(pid), seconds=20) for pid in pids)
    assert TrialResult.read(hanging.folder) is None


@pytest.mark.slow
def test_machines_that_share_no_folder(spec, python_path, tmp_path, monkeypatch):
    """A task returns its result and log, and leaves no file, on a machine without the folder of the search."""
    pytest.importorskip('ray')
    from mmmux.search.executors.ray import _evaluate
    monkeypatch.setenv('PYTHONPATH', python_path)
    monkeypatch.setenv('TMPDIR', str(tmp_path))
    monkeypatch.setattr('tempfile.tempdir', None)
    elsewhere = spec(0, 'crash')
    result, log = _evaluate(elsewhere, '/gone')
    assert_facts(result.reason, 'RuntimeError', 'no room for 3 tensors')
    assert b'Traceback' in log
    assert list(tmp_path.iterdir()) == []
    result, log = _evaluate(replace(elsewhere, keep_weights=True), '/gone')
    assert result.status == 'refused'
    assert_facts(result.reason, 'search.inherit', elsewhere.folder, socket.gethostname())


@pytest.mark.parametrize('cores,workers,threads', [(8, 2, '4'), (8, 3, '2'), (2, 4, '1')])
def test_cores_are_shared_out(monkeypatch, cores, workers, threads):
    monkeypatch.delenv('OMP_NUM_THREADS', raising=False)
    monkeypatch.setattr('mmmux.search.executors.local.usable_cores', lambda: cores)
    monkeypatch.setattr(torch.cuda, 'device_count', lambda: 1)
    assert worker_environments(workers) == [dict(OMP_NUM_THREADS=threads)] * workers
    monkeypatch.setenv('OMP_NUM_THREADS', '3')
    assert worker_environments(workers) == [dict(OMP_NUM_THREADS='3')] * workers


@pytest.mark.parametrize('visible,gpus', [(None, ['0', '1', '0']), ('2, GPU-5f', ['2', 'GPU-5f', '2'])])
def test_gpus_are_shared_out(monkeypatch, visible, gpus):
    monkeypatch.delenv('CUDA_VISIBLE_DEVICES', raising=False)
    if visible:
        monkeypatch.setenv('CUDA_VISIBLE_DEVICES', visible)
    monkeypatch.setattr(torch.cuda, 'device_count', lambda: 2)
    assert [environment['CUDA_VISIBLE_DEVICES'] for environment in worker_environments(3)] == gpus


@pytest.mark.parametrize('log,line', [
    (b'', ''), (b'\n\n', ''), (b'a\nValueError: b\n\n', 'ValueError: b'), (b'x\n 3%\r 4%\r', '4%'), (b'\xff\n', '\ufffd'),
    (b'a' * 5000 + b'\nend', 'end'), (b'KeyError: b\n\rtraining:  17%|#7   | 1/6 [00:13<01:09,  3.1s/batch]', 'KeyError: b')])
def test_last_line_of_a_log(tmp_path, log, line):
    (tmp_path / 'log').write_bytes(log)
    assert last_line(tmp_path / 'log') == line


@pytest.mark.parametrize('settings,facts', [
    (dict(type='slurm'), ['search.executor.type', "'slurm'", 'local, ray']),
    (dict(workers=2), ['search.executor.type', None, 'local, ray']),
    (dict(type='local', worker=2), ['search.executor', "'local'", "'worker'", 'workers']),
    (dict(type='local', workers=0), ['search.executor.workers', 0, 1]),
    (dict(type='local', workers=True), ['search.executor.workers', True, 1]),
    (dict(type='ray', cpus=0), ['search.executor.cpus', 'got 0', 'above 0']),
    (dict(type='ray', gpus='one'), ['search.executor.gpus', "'one'", 'from 0']),
])
def test_settings_that_cannot_be_used(settings, facts):
    with raises(ConfigError, *facts):
        make_executor(settings)


def test_without_ray(monkeypatch):
    monkeypatch.setitem(sys.modules, 'ray', None)
    with raises(ConfigError, 'search.executor.type', "'ray'", "pip install 'mmmux[search]'"):
        make_executor(dict(type='ray'))
