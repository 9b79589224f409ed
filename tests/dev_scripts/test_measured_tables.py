"""Tables from the files that benchmarks write."""
import json

import pytest
from facts import raises
from pages import loading_tables, performance_tables, reliability_tables, search_tables
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


def test_search(written):
    runs = [dict(method='random', seed=seed, hypervolume=[0.1, value]) for seed, value in enumerate((0.4, 0.2, 0.3, 0.8))]
    runs += [dict(method='moead', seed=seed, hypervolume=[0.9, value]) for seed, value in enumerate((0.7, 0.9, 0.8))]
    table = search_tables.search_table(written(dict(
        runs=runs, compared=[dict(method='moead', baseline='random', mann_whitney_p=0.0123)], seeds=4, evaluations=5, initial=2,
        networks=1000, true_front=7)), 'there/')
    assert rows_of(table)[1:] == [
        ['MOEA/D (PBI), Gaussian process', '0.800', '0.700 to 0.900', '-', '1e-02'],
        ['random search', '0.350', '0.200 to 0.800', '-', '-']]
    assert '1,000 networks, 7 on the true front' in table and '[result.json](there/result.json)' in table


def test_gpu(written):
    measures = {'forward': {'A': dict(median_ms=2.04, ratio=1.0), 'B': dict(median_ms=3.06, ratio=1.5)},
                'training': {'A': dict(median_ms=10., ratio=1.0)}}
    table = performance_tables.gpu_table(written(dict(measures=measures, size=320, gpu='G')), '')
    assert rows_of(table) == [['measure', 'A', 'B'], ['forward', '2.0 ms (1.00)', '3.1 ms (1.50)'],
                              ['training', '10.0 ms (1.00)', '-']]
    assert '320 x 320 pixels; G, torch 9, 2026-01-02. Written by `it.py`' in table


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


@pytest.fixture
def recorded(written):
    case = dict(tried=7, of='kills', lost=0, last_point_passed=dict(renamed=4, trained=2, begin=1), trainings=2, files_read=9,
                unreadable_files=0, iterations_lost_beyond_the_interval=1, values_that_differ=2, test='tests/a/test_b.py',
                versions=dict(torch='9'), date='2026-01-02')
    path = written({})
    path.write_text(json.dumps({
        'hostile input': {case: dict(tried=tried, of='files', lost=tried % 2, test='tests/test_c.py', versions=dict(torch='8'),
                                     date='2025-12-31') for case, tried in {'lists': 12345, 'map: x': 2, 'map: y': 5}.items()},
        'killed': dict(a=case, b=dict(case, date='2026-01-01', tried=3, last_point_passed=dict(train_iter=3)))}))
    return path


def test_kills(recorded):
    table = reliability_tables.kills_table(recorded, 'there/')
    assert [row[:7] for row in rows_of(table)[1:]] == [
        ['a', '7 kills', '2', '9', '0', '1', '2'], ['b', '3 kills', '2', '9', '0', '1', '2']]
    assert '10 interruptions; the last thing that the process had done: starting 1, training 5, after renaming it 4. ' \
        '2026-01-01 to 2026-01-02, torch 9.' in table


def test_promises(recorded):
    table = reliability_tables.promises_table(recorded, 'there/')
    assert [row[1:] for row in rows_of(table)[1:]] == [
        ['a', '7 kills', 'nothing', '[test_b.py](../tests/a/test_b.py)'],
        ['b', '3 kills', 'nothing', '[test_b.py](../tests/a/test_b.py)'],
        ['lists', '12,345 files', '1', '[test_c.py](../tests/test_c.py)'],
        ['map, 2 kinds', '7 files', '1', '[test_c.py](../tests/test_c.py)']]
    assert '* map: x; y' in table.splitlines()
    assert '2025-12-31 to 2026-01-02, torch 8, torch 9.' in table
    recorded.write_text(json.dumps({'unheard of': {}}))
    with raises(KeyError, recorded, 'unheard of', next(iter(reliability_tables.PROMISES))):
        reliability_tables.promises_table(recorded, '')


def test_found(written):
    table = search_tables.found_table(written(dict(search=dict(
        budgets=dict(macs=1e7), evaluations=32, initial=12, done=31, seconds_of_an_evaluation=99.6, seed=4, spearman=0.256,
        kendall=-0.1, pictures=2500, front=[dict(error=0.5, params=1234, macs=5678)]))), 'there/')
    assert rows_of(table)[1:] == [['0.5000', '1,234', '5,678']]
    for words in ('32 evaluations, 12 of them without predictions, 31 done, 100 s', 'macs at most 10,000,000',
                  '2,500 pictures, with a standard error of at most 0.0100', 'Spearman 0.26, Kendall -0.10',
                  '[result.json](there/result.json)'):
        assert words in table


def test_loading(tmp_path):
    row = dict(pictures=1000, boxes=2000, rounds=3, processor='P', python='3', versions=dict(mmdet='4'), date='2026-01-02',
               command='it.py', mmdet=dict(seconds=2., cpu_seconds=1.5, mib=40.4),
               mmmux=dict(seconds=3.04, cpu_seconds=1.8, mib=50.), ratio=dict(seconds=1.51, cpu_seconds=1.2, mib=1.238))
    path = tmp_path / 'result.json'
    path.write_text(json.dumps(dict(VOC=row)))
    table = loading_tables.loading_table(path, 'there/')
    assert rows_of(table)[1:] == [
        ['VOC', '1,000', '2,000', 'mmdet', '2.0 s', '1.00', '1.5 s', '1.00', '40 MiB', '1.00'],
        ['VOC', '1,000', '2,000', 'mmmux', '3.0 s', '1.51', '1.8 s', '1.20', '50 MiB', '1.24']]
    assert 'VOC: 3 rounds, P, Python 3, mmdet 4, 2026-01-02, `it.py`: [result.json](there/result.json).' in table
