"""Run one evaluation in this process."""
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from facts import raises
from process_end import has_ended

from mmmux.search import trial_process as trial
from mmmux.search.trial_process import TrialResult, TrialSpec, UnknownMetric, evaluate, finished_result, judge, trial_folder
from mmmux.utils.errors import ConfigError, DatasetError, TrainingError


@pytest.fixture
def spec(tmp_path):
    return TrialSpec(2, 11, (0, 3, 1), trial_folder(tmp_path, 2, 11), seed=9, metric='pascal_voc/mAP', best=0.8, time_limit=60,
                     config="model = dict(type='A', sizes=(1, 2))\n", function='module:name',
                     arguments=dict(values=[1, 2]))


def test_a_spec_is_read_back(spec):
    spec.write()
    assert TrialSpec.read(spec.folder) == spec and spec.is_in(spec.folder)
    assert spec.folder.is_absolute() and spec.folder.parts[-2:] == ('trials', '002-011')


@pytest.mark.parametrize('metrics,status,metric,error', [
    ({'pascal_voc/mAP': 0.6, 'time': 1.}, 'done', 0.6, 0.25),
    ({'pascal_voc/mAP': 0.8}, 'done', 0.8, 0.),
    ({'pascal_voc/mAP': 0.}, 'done', 0., 1.),
    ({'pascal_voc/mAP': float('nan')}, 'nan', None, None),
    ({'pascal_voc/mAP': float('-inf')}, 'nan', None, None),
    ({'time': 1., 'data_time': 2.}, 'failed', None, None),
])
def test_result_of_metrics(spec, metrics, status, metric, error):
    result = judge(metrics, spec)
    assert (result.status, result.metric) == (status, metric)
    assert result.error == pytest.approx(error) if error is not None else result.error is None and result.reason


def test_metric_that_is_not_reported(spec):
    with raises(UnknownMetric, 'search.metric', "'pascal_voc/mAP'", 'mAcc, mIoU') as raised:
        judge(dict(mIoU=0.5, mAcc=0.4, time=1.), spec)
    assert isinstance(raised.value, ConfigError)


@pytest.mark.parametrize('error,status', [
    (TrainingError('the loss is nan at iteration 3'), 'nan'), (DatasetError('data folder x does not exist'), 'refused')])
def test_errors_that_say_what_they_are(spec, monkeypatch, error, status):
    def function(given):
        assert given is spec
        raise error

    monkeypatch.setattr(trial, 'function_of_the_test', function, raising=False)
    spec = replace(spec, function='mmmux.search.trial_process:function_of_the_test')
    result = evaluate(spec)
    assert (result.status, result.reason) == (status, str(error))


def test_other_errors_are_a_crash(spec, monkeypatch):
    """A ConfigError is a crash as well: one genome may cause it, and the search must continue with the others."""
    def function(spec):
        raise ConfigError('no such network')

    monkeypatch.setattr(trial, 'function_of_the_test', function, raising=False)
    with pytest.raises(ConfigError):
        evaluate(replace(spec, function='mmmux.search.trial_process:function_of_the_test'))


def test_a_result_is_read_back(tmp_path):
    result = TrialResult('done', 3.5, 0.25, 0.75)
    result.write(tmp_path)
    assert TrialResult.read(tmp_path) == result and [path.name for path in tmp_path.iterdir()] == ['result.json']
    assert TrialResult.read(tmp_path / 'elsewhere') is None


def test_a_result_is_there_as_a_whole_or_not_at_all(tmp_path, monkeypatch):
    def power_cut(descriptor):
        raise OSError

    monkeypatch.setattr('os.fsync', power_cut)
    with pytest.raises(OSError):
        TrialResult('done', 3.5, 0.25, 0.75).write(tmp_path)
    assert TrialResult.read(tmp_path) is None and not (tmp_path / 'result.json').exists()


def test_only_the_result_of_the_very_evaluation_is_adopted(spec):
    result = TrialResult('failed', 3.5, reason='no memory')
    spec.write()
    assert finished_result(spec) is None
    result.write(spec.folder)
    assert finished_result(spec) == result
    for other in (dict(genome=(0, 3, 2)), dict(seed=10), dict(config='model = None\n'), dict(arguments={})):
        assert finished_result(replace(spec, **other)) is None
    (spec.folder / 'result.json').write_text('{"status": "do')
    assert finished_result(spec) is None
    TrialResult('refused', 1., reason='no such folder').write(spec.folder)
    assert finished_result(spec) is None


def test_a_new_start_forgets_the_old_result(spec):
    spec.write()
    TrialResult('failed', 1.).write(spec.folder)
    spec.write()
    assert finished_result(spec) is None


@pytest.mark.slow
def test_by_hand(spec, tmp_path):
    """A user runs a trial by hand to find the cause of a crash; no search holds the other end of its input."""
    (tmp_path / 'by_hand.py').write_text('def score(spec):\n    return dict(score=spec.arguments["values"][1])\n')
    spec = replace(spec, function='by_hand:score', metric='score', best=4)
    spec.write()
    done = subprocess.run([sys.executable, '-m', 'mmmux.search.trial_process', str(spec.folder)], stdin=subprocess.DEVNULL,
                          env=dict(os.environ, PYTHONPATH=os.pathsep.join([str(Path(__file__).parents[2]), str(tmp_path)])))
    assert done.returncode == 0
    assert json.loads((spec.folder / 'result.json').read_text()).items() >= dict(status='done', metric=2, error=0.5).items()


@pytest.mark.slow
def test_the_end_of_the_search_ends_the_whole_group():
    """This includes a process that ignores SIGTERM, and its child."""
    code = ('import os, signal, subprocess, sys; from mmmux.search.trial_process import end_with_the_search; '
            'end_with_the_search(); signal.signal(signal.SIGTERM, signal.SIG_IGN); '
            'child = subprocess.Popen(["sleep", "600"]); print(child.pid, flush=True); child.wait()')
    process = subprocess.Popen([sys.executable, '-c', code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                               start_new_session=True)
    child = int(process.stdout.readline())
    process.stdin.close()
    assert process.wait(20) == -signal.SIGKILL
    assert has_ended(child)
