"""The journal, the file from which a search can continue."""
import json
from dataclasses import replace

import numpy as np
import pytest
from facts import assert_facts, raises

from mmmux.search.journal import Evaluation, Journal
from mmmux.utils.errors import ConfigError

HEADER = dict(space='a1b2', seed=0, objectives=('error', 'params'))
GENOMES = [(0, 1), (2, 0), (1, 1)]
RESULT = Evaluation(0, 0, (0, 1), 'done', 0.25, 0.75, 1000, 5000, None, 1.5, 7)


@pytest.fixture
def written(tmp_path):
    """A work dir with one generation planned and one result."""
    with Journal(tmp_path, HEADER) as journal:
        assert journal.plan(GENOMES) == 0
        journal.append(RESULT)
    return tmp_path


def reopened(folder, **header) -> Journal:
    return Journal(folder, {**HEADER, **header}, resume=True)


def test_each_line_is_on_disk_when_the_call_returns(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr('os.fsync', lambda descriptor: synced.append((tmp_path / 'journal.jsonl').read_text().count('\n')))
    with Journal(tmp_path, HEADER) as journal:
        journal.plan(GENOMES)
        assert synced[-1] == 2
        journal.append(RESULT)
        assert synced[-1] == 3


def test_it_is_read_back(written):
    with reopened(written) as journal:
        assert journal.plans == [GENOMES] and journal.evaluations == [RESULT]
        assert journal.missing(0) == [(1, (2, 0)), (2, (1, 1))]


def test_results_are_in_order_whenever_they_came(written):
    with reopened(written) as journal:
        late = replace(RESULT, index=2, genome=(1, 1), status='timeout', error=None, metric=None, reason='it took long')
        journal.append(late)
        journal.append(replace(RESULT, index=1, genome=(2, 0)))
        assert journal.plan([(3, 3)]) == 1
        assert [evaluation.index for evaluation in journal.evaluations] == [0, 1, 2]
    with reopened(written) as journal:
        assert journal.evaluations[2] == late and journal.plans[1] == [(3, 3)] and journal.missing(0) == []


def test_numpy_values(written):
    with reopened(written) as journal:
        journal.append(replace(RESULT, index=1, genome=tuple(np.array([2, 0])), params=np.int64(3), error=np.float32(0.5)))
        journal.plan(np.array([[4, 4]]))
    with reopened(written) as journal:
        assert journal.evaluations[1] == replace(RESULT, index=1, genome=(2, 0), params=3, error=0.5)
        assert journal.plans[1] == [(4, 4)]


@pytest.mark.parametrize('kept', range(1, 60, 7))
def test_a_line_torn_anywhere_is_cut_off(written, kept):
    path = written / 'journal.jsonl'
    whole = path.read_bytes()
    line = json.dumps(dict(generation=0, index=1, genome=[2, 0], status='done')).encode()
    path.write_bytes(whole + line[:kept])
    with reopened(written) as journal:
        assert journal.evaluations == [RESULT]
    assert path.read_bytes() == whole


@pytest.mark.parametrize('rest', [b'\0' * 40, b'\0' * 40 + b'\n', b'[1, 2]\n', b'{"gener\xff'])
def test_an_incomplete_end_after_a_power_cut_is_cut_off(written, rest):
    path = written / 'journal.jsonl'
    path.write_bytes(path.read_bytes() + rest)
    with reopened(written) as journal:
        journal.append(replace(RESULT, index=1, genome=(2, 0)))
    with reopened(written) as journal:
        assert len(journal.evaluations) == 2


@pytest.mark.parametrize('size', [0, 10])
def test_a_torn_header_is_a_new_journal(tmp_path, size):
    with Journal(tmp_path, HEADER):
        pass
    path = tmp_path / 'journal.jsonl'
    whole = path.read_bytes()
    path.write_bytes(whole[:size])
    with Journal(tmp_path, HEADER):
        pass
    assert path.read_bytes() == whole


@pytest.mark.parametrize('damage', [b'{"gen\n', b'\n'])
def test_damage_in_the_middle(written, damage):
    path = written / 'journal.jsonl'
    header, *lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b''.join([header, damage, *lines]))
    with raises(ConfigError, 'line 2', written / 'journal.jsonl', '--work-dir'):
        reopened(written)


@pytest.mark.parametrize('header,facts', [
    (dict(space='c3d4'), ['space', '"a1b2"', '"c3d4"']),
    (dict(seed=1), ['seed', 0, 1]),
    (dict(objectives=('error', 'macs')), ['objectives', '["error", "params"]', '["error", "macs"]']),
    (dict(seed=1, latency='onnx'), ['seed', 0, 1, 'latency', 'null', '"onnx"']),
])
def test_journal_of_another_search(written, header, facts):
    before = (written / 'journal.jsonl').read_bytes()
    with raises(ConfigError, written / 'journal.jsonl', '--work-dir', *facts):
        reopened(written, **header)
    assert (written / 'journal.jsonl').read_bytes() == before
    reopened(written).close()  # the lock was released


def test_journal_of_another_version(written):
    path = written / 'journal.jsonl'
    path.write_text(path.read_text().replace('"version": 1', '"version": 0'))
    with raises(ConfigError, written / 'journal.jsonl', 'version 0', 1):
        reopened(written)


@pytest.mark.parametrize('changed', [dict(resume=True), dict(header={**HEADER, 'seed': 5}, resume=True), dict()])
def test_settings_may_change_before_the_first_result(tmp_path, changed):
    with Journal(tmp_path, HEADER) as journal:
        journal.plan(GENOMES)
    with Journal(tmp_path, **{'header': HEADER, **changed}) as journal:
        assert journal.plans == ([GENOMES] if changed == dict(resume=True) else [])
        assert journal.plan(GENOMES[:2]) == len(journal.plans) - 1
    assert (tmp_path / 'journal.jsonl').read_text().count('"version"') == 1


def test_a_search_is_not_overwritten(written):
    with raises(ConfigError, written / 'journal.jsonl', '--resume', '--work-dir'):
        Journal(written, HEADER)


@pytest.mark.slow
def test_two_searches_on_one_journal(written, fresh_python):
    code = f'from mmmux.search.journal import Journal; Journal({str(written)!r}, {HEADER!r}, resume=True)'
    with reopened(written):
        printed = fresh_python(f'try:\n    {code}\nexcept ValueError as error:\n    print(type(error).__name__, error)')
    assert_facts(printed, 'ConfigError', written, '--work-dir')
    reopened(written).close()  # the lock was released


@pytest.mark.parametrize('wrong', [dict(generation=1), dict(index=3), dict(index=1), dict(), dict(status='good')])
def test_only_planned_results_and_each_once(written, wrong):
    with reopened(written) as journal, pytest.raises(ValueError):
        journal.append(replace(RESULT, **({'index': 1, 'genome': (2, 0), **wrong} if 'status' in wrong else wrong)))
    with reopened(written) as journal:
        assert journal.evaluations == [RESULT]
