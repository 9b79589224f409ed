"""Tables from the files that benchmarks write."""
import json

import pytest
from facts import raises
from pages import performance_tables, reliability_tables
from pages.fresh_clone_table import fresh_clone_table


def rows_of(table: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip('|').split('|')] for line in table.splitlines() if line.startswith('| ')]


@pytest.fixture
def written(tmp_path):
    def write(result):
        path = tmp_path / 'result.json'
        path.write_text(json.dumps(dict(date='2026-01-02', command='it.py', versions=dict(torch='9'), **result)))
        return path

    return write


def test_fresh_clone(tmp_path):
    machine = dict(processor='P', cores=2, python='3.11.7', date='2026-01-02', commit='abc')
    runs = {'with_wheels': dict(targets={'demo': dict(seconds=90, status=0), 'test': dict(seconds=300, status=1)},
                                gigabytes={'.venv': 6.84}, **machine),
            'without_wheels': dict(targets={'demo': dict(seconds=606, status=0)}, gigabytes={'.venv': 7.04}, **machine)}
    path = tmp_path / 'fresh.json'
    path.write_text(json.dumps(runs))
    table = fresh_clone_table(path, 'there/')
    assert rows_of(table) == [
        ['', 'with a wheel folder', 'without'], ['`make demo`', '1.5 min', '10.1 min'],
        ['`make test`', '5.0 min (failed)', '-'], ['size on disk', '`.venv` 6.8 GB', '`.venv` 7.0 GB']]
    assert 'P, 2 cores, Python 3.11.7, 2026-01-02' in table and '[fresh.json](there/fresh.json)' in table


class TestAcceptance:

    DETECTION = dict(model='D', data='bccd', epochs=20, AP=0.51239, iterations_per_second=12.34, pictures_per_second=98.7,
                     peak_gpu_memory_mib=1234)

    def table(self, written, steps, gpu='G', **results) -> str:
        path = written(dict(steps={name: dict(status=status) for name, status in steps.items()}, results=results,
                            gpu=gpu and dict(name=gpu), machine=dict(versions=dict(torch='9', mmcv='8'))))
        return performance_tables.acceptance_table(path, 'there/')

    def test_all_passed(self, written):
        table = self.table(written, {'a': 'passed', 'b': 'left out'}, detection=self.DETECTION)
        assert rows_of(table)[1:] == [['D', 'bccd', '20 epochs', 'AP 0.512', '12.3', '99', '1234 MiB']]
        assert 'every step passed' in table and 'G, torch 9, mmcv 8, 2026-01-02' in table
        assert '[result.json](there/result.json)' in table

    def test_what_failed_is_named(self, written):
        table = self.table(written, {'a': 'passed', 'detection: test': 'timed out', 'tests': 'failed'},
                           segmentation=dict(model='S', data='camvid', iters=600))
        assert rows_of(table)[1:] == [['S', 'camvid', '600 iterations', 'failed', '-', '-', '-']]
        assert 'detection: test (timed out), tests (failed)' in table and 'every step passed' not in table

    def test_without_a_run_on_a_gpu_it_says_so(self, written, tmp_path):
        for sentence in (performance_tables.acceptance_table(tmp_path / 'none.json', ''),
                         self.table(written, {'a': 'passed'}, gpu=None, detection=self.DETECTION)):
            assert 'have not been run on a GPU' in sentence and 'benchmarks/gpu_acceptance.py' in sentence


def test_promises(tmp_path):
    """The table also has the number of losses."""
    def case(tried: int, lost: int, **facts) -> dict:
        return {**dict(tried=tried, of='files', lost=lost, test='tests/a/test_b.py', versions=dict(torch='9'),
                       date='2026-01-02'), **facts}

    path = tmp_path / 'result.json'
    path.write_text(json.dumps({
        'hostile input': {'lists': case(12345, 1), 'map: x': case(2, 0), 'map: y': case(5, 1, date='2025-12-31')},
        'killed': dict(a=case(7, 0, of='kills', versions=dict(torch='8')))}))
    table = reliability_tables.promises_table(path, 'there/')
    by = '[test_b.py](../tests/a/test_b.py)'
    assert [row[1:] for row in rows_of(table)[1:]] == [
        ['a', '7 kills', 'nothing', by], ['lists', '12,345 files', '1', by], ['map, 2 kinds', '7 files', '1', by]]
    assert '* map: x; y' in table.splitlines() and '2025-12-31 to 2026-01-02, torch 8, torch 9.' in table
    path.write_text(json.dumps({'unheard of': {}}))
    with raises(KeyError, path, 'unheard of', next(iter(reliability_tables.PROMISES))):
        reliability_tables.promises_table(path, '')
