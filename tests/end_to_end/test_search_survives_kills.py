"""A search that is killed repeatedly loses nothing, repeats nothing, and makes the decisions of an uninterrupted one."""
import json
import random
import time
from pathlib import Path

import pytest
from light_trials import REPOSITORY, light_python_path
from process_end import has_ended
from tool_process import ToolProcess

from mmmux.search.trial_process import TrialResult

EVALUATIONS, KILLS = 36, 10
OPTIONS = ['--cfg-options', f'search.evaluations={EVALUATIONS}', 'search.initial=16', 'search.batch=10',
           'search.executor.workers=3']


@pytest.fixture
def search(tmp_path):
    """Start tools/search.py on the analytic problem; its trials start fast, so that kills hit running trials."""
    (tmp_path / 'site').mkdir()
    environment = dict(PYTHONPATH=light_python_path(tmp_path / 'site'), OMP_NUM_THREADS='1')

    def start(work_dir: Path, *options) -> ToolProcess:
        return ToolProcess('search.py', REPOSITORY / 'configs/search/analytic.py', '--work-dir', work_dir, *options, *OPTIONS,
                           environment=environment, output=tmp_path / f'{work_dir.name}.log')

    return start


def journal_lines(work_dir: Path) -> list[dict]:
    """The whole lines of the journal."""
    path = work_dir / 'journal.jsonl'
    return [json.loads(line) for line in path.read_text().splitlines(keepends=True) if line.endswith('\n')] \
        if path.exists() else []


def finished(work_dir: Path) -> dict[str, TrialResult]:
    """Return the results of all finished evaluations; their seconds distinguish two runs of an evaluation."""
    return {folder.name: result for folder in sorted(work_dir.glob('trials/*')) if (result := TrialResult.read(folder))}


def without_times(lines: list[dict]) -> list[dict]:
    """In order of (generation, index), and each plan before the results of its generation."""
    lines = [{key: value for key, value in line.items() if key != 'seconds'} for line in lines]
    return sorted(lines, key=lambda line: (line.get('generation', -1), line.get('index', -1)))


def trial_processes(work_dir: Path) -> list[int]:
    """Processes with the work dir on their command line."""
    found = []
    for path in Path('/proc').glob('[0-9]*/cmdline'):
        try:
            if str(work_dir).encode() in path.read_bytes():
                found.append(int(path.parent.name))
        except OSError:  # it has ended meanwhile
            continue
    return found


@pytest.mark.nightly
@pytest.mark.skipif(not Path('/proc/self/cmdline').exists(), reason='processes are looked up in /proc')
def test_killed_at_ten_random_moments(search, tmp_path):
    search(tmp_path / 'warm', '--help').finish()
    begun = time.monotonic()
    search(tmp_path / 'alone').finish()
    alone, duration = journal_lines(tmp_path / 'alone'), time.monotonic() - begun

    work_dir, rng, seen = tmp_path / 'killed', random.Random(0), {}
    for _ in range(KILLS):
        process = search(work_dir, '--resume')
        time.sleep(rng.uniform(0, 0.12 * duration))
        process.kill()
        assert all(has_ended(pid) for pid in trial_processes(work_dir))
        kept = finished(work_dir)
        assert kept.items() >= seen.items()
        seen = kept
    assert 0 < len(seen) < EVALUATIONS
    search(work_dir, '--resume').finish()

    lines = journal_lines(work_dir)
    evaluations = {(line['generation'], line['index']): line for line in lines if 'index' in line}
    assert len(evaluations) == EVALUATIONS == sum('index' in line for line in lines)  # none lost, none twice
    assert without_times(lines) == without_times(alone)
    assert {line['status'] for line in evaluations.values()} == {'done', 'failed'}
    for name, result in seen.items():  # the journal has the results that were finished before the last kill
        line = evaluations[tuple(map(int, name.split('-')))]
        assert (line['status'], line['metric'], line['seconds']) == (result.status, result.metric, result.seconds)
