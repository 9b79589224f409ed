import importlib.util
import json
from dataclasses import asdict

import pytest
from facts import assert_facts

from mmmux.search.analytic import ANALYTIC_SPACE
from mmmux.search.journal import Evaluation
from mmmux.search.space import SearchSpace

ANALYTIC = 'search/analytic.py'


@pytest.fixture
def work_dir(tmp_path):
    """Of a search with three results, the second of which is far below the line between the others."""
    space = SearchSpace(ANALYTIC_SPACE)
    genomes = [(0, ) * len(space.genes) for _ in range(3)]
    values = [(0.9, 1_000_000, 100_000_000), (0.3, 1_100_000, 110_000_000), (0.2, 2_000_000, 200_000_000)]
    lines = [dict(space=space.fingerprint), dict(generation=0, planned=genomes)]
    lines += [asdict(Evaluation(0, index, genome, 'done', error, 1 - error, params, macs, None, 1., 0))
              for index, (genome, (error, params, macs)) in enumerate(zip(genomes, values))]
    (tmp_path / 'journal.jsonl').write_text(''.join(json.dumps(line) + '\n' for line in lines))
    return tmp_path


@pytest.mark.parametrize('how,params', [('knee', '1,100,000'), ('params=1.05e6', '1,000,000'), ('error=1', '2,000,000')])
def test_pick_writes_what_it_says(tool, configs, work_dir, how, params):
    printed = tool('search.py', configs / ANALYTIC, '--work-dir', work_dir, '--pick', how, '--out', work_dir / 'mine.py')
    assert printed.splitlines() == [str(work_dir / 'mine.md')]
    assert f'`--pick {how}`: error' in (work_dir / 'mine.md').read_text()
    assert f'{params} parameters' in (work_dir / 'mine.md').read_text()


@pytest.mark.parametrize('options,facts', [
    (['--pick', 'best'], ('--pick', "'knee'", 'best')),
    (['--pick', 'params=1'], ('1,000,000', 'params')),
    (['--cfg-options', 'search.budgets.params=1000'], ('search.budgets', 'params', '1000')),
    (['--cfg-options', 'search.strategy.type=nsga4'], ('search.strategy.type', "'nsga4'")),
    (['--cfg-options', 'search.evaluation=5'], ("'search'", "'evaluation'", "'evaluations'")),
])
def test_mistake_is_a_sentence(fails, configs, work_dir, options, facts):
    assert_facts(fails('search.py', configs / ANALYTIC, '--work-dir', work_dir, *options), *facts)


def test_without_what_it_stands_on(fails, configs, tmp_path, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, 'find_spec',
                        lambda name, *more: None if name in ('pymoo', 'sklearn') else found(name, *more))
    assert_facts(fails('search.py', configs / ANALYTIC, '--work-dir', tmp_path), 'pymoo', 'sklearn', "'mmmux[search]'")


def test_config_without_a_search(fails, configs, tmp_path):
    sentence = fails('search.py', configs / 'ssdlite/ssdlite_muxnet-m_1xb8-40e_bccd-320.py', '--work-dir', tmp_path)
    assert_facts(sentence, "'search'", 'config')
