import json
import re
from dataclasses import asdict

import pytest
from facts import raises

from mmmux.search.analytic import ANALYTIC_SPACE
from mmmux.search.journal import Evaluation
from mmmux.search.pick import pick, read_results
from mmmux.search.space import SearchSpace
from mmmux.utils.errors import ConfigError

OBJECTIVES = ('error', 'params', 'macs')


def evaluation(error, params, macs, index=0, **values) -> Evaluation:
    values = dict(status='done', metric=None, latency=None, seconds=1., seed=0) | values
    return Evaluation(generation=0, index=index, genome=(index, ), error=error, params=params, macs=macs, **values)


# On a front whose ends are (0.9, 1, 1) and (0.1, 16, 16), the second is far below the line between them, the third above it.
FRONT = [evaluation(*values, index=index) for index, values in enumerate(
    [(0.9, 1, 1), (0.3, 2, 2), (0.2, 14, 14), (0.1, 16, 16)])]
DOMINATED = evaluation(0.35, 3, 3, index=7)
LOST = evaluation(None, 1, 1, index=8, status='timeout')
ALL = [*FRONT, DOMINATED, LOST]


@pytest.mark.parametrize('how,index', [
    ('knee', 1), ('error=1', 3), ('error=0,params=1', 0), ('error=1,params=0.01,macs=0.01', 3), ('error=1,params=1,macs=1', 1),
    ('params=15', 2), ('params=15,macs=13', 1), ('macs=1e9', 3), ('params=1', 0), ('params=2, macs=2', 1),
])
def test_which_is_picked(how, index):
    assert pick(ALL, OBJECTIVES, how) is FRONT[index]


def test_the_same_error_within_a_budget_is_the_one_of_fewer_multiply_adds():
    evaluations = [evaluation(0.5, 3, 3, index=0), evaluation(0.5, 4, 2, index=1)]
    assert pick(evaluations, OBJECTIVES, 'params=5').index == 1


def test_latency_can_be_a_budget_where_it_is_an_objective():
    evaluations = [evaluation(0.5, 3, 3, index=0, latency=0.7), evaluation(0.4, 4, 2, index=1, latency=0.9)]
    assert pick(evaluations, (*OBJECTIVES, 'latency'), 'latency=0.8').index == 0


@pytest.mark.parametrize('how', ['elbow', 'params', 'params=', 'params=2,params=3', 'speed=1', 'params=-1', 'params=nan',
                                 'latency=1', ''])
def test_wrong_rules(how):
    with raises(ConfigError, '--pick', "'knee'", 'error, params, macs', repr(how)):
        pick(ALL, OBJECTIVES, how)


def test_budget_that_no_result_is_within():
    with raises(ConfigError, '--pick', 'params=0.5,macs=0.9', '1 params', '1 macs'):
        pick(ALL, OBJECTIVES, 'params=0.5,macs=0.9')


def test_weights_that_weigh_nothing():
    with raises(ConfigError, '--pick', "'error=0'", 'above 0'):
        pick(ALL, OBJECTIVES, 'error=0')


def test_search_without_a_result():
    with raises(ConfigError, 'none of 1', '--resume'):
        pick([LOST], OBJECTIVES, 'knee')


class TestReading:

    @pytest.fixture
    def space(self):
        return SearchSpace(ANALYTIC_SPACE)

    @pytest.fixture
    def journal(self, tmp_path, space):
        lines = [dict(space=space.fingerprint, seed=0), dict(generation=0, planned=[[index] for index in range(8)])]
        lines += [asdict(evaluation) for evaluation in (DOMINATED, FRONT[0])]
        path = tmp_path / 'journal.jsonl'
        path.write_text(''.join(json.dumps(line) + '\n' for line in lines))
        return path

    def test_results_in_order(self, journal, space):
        assert read_results(journal.parent, space) == [FRONT[0], DOMINATED]

    def test_line_that_is_being_written_is_left_out(self, journal, space):
        with open(journal, 'a') as file:
            file.write('{"generation": 0, "ind')
        assert len(read_results(journal.parent, space)) == 2

    def test_what_a_power_cut_leaves_is_left_out(self, journal, space):
        with open(journal, 'ab') as file:
            file.write(b'\0' * 40 + b'\n')
        assert read_results(journal.parent, space) == [FRONT[0], DOMINATED]

    @pytest.mark.parametrize('damage', [b'{"generation": 0, "ind\n', b'{"generation": 0, "index": 1}\n'])
    def test_line_that_is_damaged_is_named(self, journal, space, damage):
        header, plan, *results = journal.read_bytes().splitlines(keepends=True)
        journal.write_bytes(b''.join([header, plan, damage, *results]))
        with pytest.raises(ConfigError, match=rf'line 3 of {re.escape(str(journal))} '):
            read_results(journal.parent, space)

    def test_folder_without_a_search(self, tmp_path, space):
        with raises(ConfigError, tmp_path / 'nowhere/journal.jsonl', '--work-dir'):
            read_results(tmp_path / 'nowhere', space)

    @pytest.mark.parametrize('text', ['', '{"space": "another"}\n'])
    def test_journal_of_another_space(self, journal, space, text):
        journal.write_text(text)
        with raises(ConfigError, journal, 'search.space', space.fingerprint, 'another' if text else None, '--work-dir'):
            read_results(journal.parent, space)
