import json
from contextlib import AbstractContextManager
from dataclasses import replace

import numpy as np
import pytest
from facts import assert_facts, find_line, raises
from mmengine.config import Config

from mmmux.search import search as search_module
from mmmux.search import trial_factory as trials_module
from mmmux.search.generations import GENERATIONS_FILE
from mmmux.search.model_costs import make_costs
from mmmux.search.prediction import Predictor
from mmmux.search.search import run_search
from mmmux.search.settings import read_settings
from mmmux.search.surrogate import rank_correlation
from mmmux.search.trial_process import TrialResult, evaluate
from mmmux.utils.errors import ConfigError

STRATEGY = dict(type='moead', generations=4, population=20)
PLAN = [8, 4, 4, 2]


class InThisProcess(AbstractContextManager):
    """Evaluate in this process in a given order; list the evaluations, and stop after a given number as a kill does.

    Args:
        order: step through the inputs, 1 or -1.
        stop_after: number of evaluations before the stop. Default: None, no stop.
        failing: (generation, index) of the evaluations that fail. Default: ().
    """

    def __init__(self, order=1, stop_after=None, failing=()):
        self.order, self.stop_after, self.failing = order, stop_after, failing
        self.evaluated = []

    def __exit__(self, *_):
        pass

    def run(self, specs):
        for spec in list(specs)[::self.order]:
            if len(self.evaluated) == self.stop_after:
                raise KeyboardInterrupt
            self.evaluated.append((spec.generation, spec.index))
            failed = (spec.generation, spec.index) in self.failing
            yield spec, TrialResult('failed', 1., reason='it broke') if failed else evaluate(spec)


@pytest.fixture
def start(tmp_path, configs, monkeypatch):
    """Start a small search of the analytic problem in an executor."""

    def run(executor, name='search', on_generation=lambda evaluations: None, resume=False, **changes):
        cfg = Config.fromfile(configs / 'search/analytic.py')
        cfg.search.update({**dict(size=(64, 64), evaluations=sum(PLAN), initial=8, batch=4, strategy=STRATEGY), **changes})
        monkeypatch.setattr(search_module, 'make_executor', lambda options: executor)
        return run_search(read_settings(cfg), cfg, tmp_path / name, resume=resume, on_generation=on_generation)

    return run


def without_times(evaluations):
    return [replace(evaluation, seconds=0) for evaluation in evaluations]


def test_runs_to_the_end(start):
    reported = []
    evaluations = start(InThisProcess(), on_generation=lambda evaluations: reported.append(len(evaluations)))
    assert reported == list(np.cumsum(PLAN))
    assert [(evaluation.generation, evaluation.index) for evaluation in evaluations] == [
        (generation, index) for generation, count in enumerate(PLAN) for index in range(count)]
    assert len({evaluation.genome for evaluation in evaluations}) == sum(PLAN)
    assert len({evaluation.seed for evaluation in evaluations}) == sum(PLAN)


def test_the_order_of_results_does_not_matter(start):
    forwards, backwards = (start(InThisProcess(order), str(order)) for order in (1, -1))
    assert without_times(forwards) == without_times(backwards)


@pytest.mark.slow
@pytest.mark.parametrize('stop_after', [0, 3, 8, 10, 17])
def test_continues_where_it_was_stopped(start, tmp_path, stop_after):
    whole = start(InThisProcess(), 'whole')
    first, second = InThisProcess(stop_after=stop_after), InThisProcess(-1)
    with pytest.raises(KeyboardInterrupt):
        start(first)
    resumed = start(second, resume=True)
    assert without_times(resumed) == without_times(whole)
    assert len(first.evaluated) == stop_after and len(second.evaluated) == sum(PLAN) - stop_after
    assert not set(first.evaluated) & set(second.evaluated)
    assert (tmp_path / 'search' / GENERATIONS_FILE).read_text() == (tmp_path / 'whole' / GENERATIONS_FILE).read_text()


def test_stopped_between_the_last_result_and_its_report(start, tmp_path):
    def stop(evaluations):
        if len(evaluations) == 12:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        start(InThisProcess(), on_generation=stop)
    (tmp_path / 'search' / GENERATIONS_FILE).unlink()
    reported = []
    start(InThisProcess(), resume=True, on_generation=lambda evaluations: reported.append(len(evaluations)))
    assert reported == [12, 16, 18]
    assert len(json.loads((tmp_path / 'search' / GENERATIONS_FILE).read_text())) == 4


def test_can_be_made_longer(start):
    short = start(InThisProcess())
    executor = InThisProcess()
    longer = start(executor, resume=True, evaluations=sum(PLAN) + 4)
    assert longer[:len(short)] == short and executor.evaluated == [(4, index) for index in range(4)]


@pytest.mark.slow
@pytest.mark.parametrize('changed', [dict(size=(96, 96)), dict(budgets=dict(params=9e6)), dict(surrogate=None)], ids=str)
def test_results_that_cannot_be_compared_are_not_mixed(start, changed):
    start(InThisProcess())
    executor = InThisProcess()
    with raises(ConfigError, 'journal.jsonl', next(iter(changed)), '--work-dir'):
        start(executor, resume=True, evaluations=sum(PLAN) + 4, **changed)
    assert not executor.evaluated


def test_failures_are_printed_kept_and_not_learnt_from(start, tmp_path, capsys):
    failing = {(0, 2), (1, 1), (1, 3)}
    evaluations = start(InThisProcess(failing=failing))
    assert {(evaluation.generation, evaluation.index) for evaluation in evaluations if not evaluation.done} == failing
    assert len(evaluations) == sum(PLAN) and all(evaluation.error is None for evaluation in evaluations if not evaluation.done)
    find_line(capsys.readouterr().out, 'network 1', 'generation 1', 'failed', 'it broke', 'trials/001-001/trial.log')
    records = json.loads((tmp_path / 'search' / GENERATIONS_FILE).read_text())
    assert [record['good'] for record in records] == [7, 9, 13, 15]


def test_correlations_are_of_predictions_made_before(start, tmp_path, configs):
    evaluations = start(InThisProcess())
    cfg = Config.fromfile(configs / 'search/analytic.py')
    cfg.search.size = (64, 64)
    settings = read_settings(cfg)
    pairs = []
    for record in json.loads((tmp_path / 'search' / GENERATIONS_FILE).read_text())[1:]:
        earlier = [evaluation for evaluation in evaluations if evaluation.generation < record['generation']]
        now = [evaluation for evaluation in evaluations if evaluation.generation == record['generation']]
        predictor = Predictor(settings, make_costs(cfg, settings), earlier)
        predicted = predictor(np.array([evaluation.genome for evaluation in now]))[:, 0]
        true = np.array([evaluation.error for evaluation in now])
        assert record['predicted'] == pytest.approx(predicted.tolist())
        assert (record['spearman'], record['kendall']) == pytest.approx(rank_correlation(predicted, true), abs=1e-4)
        pairs += zip(predicted, true)
        assert (record['spearman_so_far'], record['kendall_so_far']) == pytest.approx(
            rank_correlation(*np.array(pairs).T), abs=1e-4)


def test_hypervolume_only_grows(start, tmp_path):
    start(InThisProcess())
    records = json.loads((tmp_path / 'search' / GENERATIONS_FILE).read_text())
    volumes = [record['hypervolume'] for record in records]
    assert volumes == sorted(volumes) and 0 < volumes[0] < volumes[-1] < 1
    assert records[0]['predicted'] is None and records[0]['spearman'] is None


def test_prints_the_progress(start, tmp_path, capsys):
    start(InThisProcess())
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith('generation')]
    records = json.loads((tmp_path / 'search' / GENERATIONS_FILE).read_text())
    assert len(lines) == len(records) == len(PLAN)
    for line, record, count in zip(lines, records, np.cumsum(PLAN)):
        assert_facts(line, f'generation {record["generation"]}', f'{count} of 18', f'{record["front"]} on the front',
                     f'{record["hypervolume"]:.4f}')
    assert 'Spearman' not in lines[0] and all('Spearman' in line for line in lines[1:])
    assert_facts(lines[-1], f'{records[-1]["spearman_so_far"]:.2f}/{records[-1]["kendall_so_far"]:.2f}', '00:00')


@pytest.mark.parametrize('surrogate', [None, dict(type='rbf')])
def test_with_another_surrogate_or_none(start, surrogate):
    assert len(start(InThisProcess(), surrogate=surrogate)) == sum(PLAN)


class TestLatency:
    changes = dict(objectives=('error', 'params', 'macs', 'latency'), latency=dict(runtime='torchscript', reference='m'))

    def test_is_measured_before_the_trainings_and_used(self, start, monkeypatch):
        order = []

        def measure(build, reference, size, settings, time_limit):
            order.append('latency')
            return 0.5 + len(order) / 100

        class Watched(InThisProcess):

            def run(self, specs):
                for result in super().run(specs):
                    order.append('training')
                    yield result

        monkeypatch.setattr(trials_module, 'measured_apart', measure)
        evaluations = start(Watched(), **self.changes)
        assert order == [step for count in PLAN for step in ('latency', 'training') for _ in range(count)]
        assert all(0.5 < evaluation.latency < 1 for evaluation in evaluations)

    def test_that_cannot_be_measured_is_a_failure(self, start, monkeypatch):
        measured = []

        def measure(*_):
            measured.append(1)
            if len(measured) == 3:
                raise RuntimeError('no clock on this machine')
            return 1 / len(measured)

        monkeypatch.setattr(trials_module, 'measured_apart', measure)
        executor = InThisProcess()
        evaluations = start(executor, **self.changes)
        failed = [evaluation for evaluation in evaluations if not evaluation.done]
        assert [evaluation.reason for evaluation in failed] == ['no clock on this machine']
        assert len(executor.evaluated) == sum(PLAN) - 1 and (0, 2) not in executor.evaluated


@pytest.mark.nightly
def test_latency_measured_in_a_real_search(tmp_path, configs):
    cfg = Config.fromfile(configs / 'search/analytic.py')
    cfg.search.update(dict(size=(64, 64), evaluations=2, initial=2, objectives=('error', 'params', 'macs', 'latency'),
                           latency=dict(runtime='torchscript', reference='l', rounds=10)))
    evaluations = run_search(read_settings(cfg), cfg, tmp_path)
    assert all(evaluation.done and 0.1 < evaluation.latency < 1.2 for evaluation in evaluations)
