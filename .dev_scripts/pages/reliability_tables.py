"""Make the tables of interruptions, hostile files and sizes that the tests tried, from the file that they record."""
import json
from collections import defaultdict
from pathlib import Path

# The promises, by their names in the file.
PROMISES = {
    'killed': 'a training that is killed and resumed loses nothing before its last checkpoint, and ends as one left alone',
    'asked to stop': 'asked to stop by SIGTERM or Ctrl-C it saves first, and once resumed ends as one left alone',
    'killed rank': 'a killed process ends the job of all within a minute, with its reason',
    'two processes': 'two processes with SyncBN train as one with all their pictures',
    'hostile input': 'a hostile or broken file is told in one sentence; nothing of it runs, hangs or fills the memory',
    'fuzzed': 'the same of what a fuzzer finds',
    'data sets checked': 'tools/analysis_tools/check_dataset.py finds what is wrong with a data set',
    'any size': 'every architecture takes every size, batch and type: forward, backward and in its exact form',
}
_POINTS = {
    'begin': 'starting', 'train_iter': 'training', 'trained': 'training', 'val_iter': 'validating',
    'half_written': 'in the middle of a checkpoint', 'written': 'after writing it', 'renaming': 'before renaming it',
    'renamed': 'after renaming it', 'deleting': 'deleting an older one'
}


def promises_table(result: Path, link: str) -> str:
    """Return a Markdown table of each promise, the cases that tests tried, their number, and the number of losses.

    The cases named `<kind>: <name>` share one row for each kind, and are listed below the table.

    Args:
        result: the recorded file.
        link: text before the file's name in the link to it.

    Raises:
        KeyError: the file records a name that is not in `PROMISES`.
    """
    recorded = json.loads(result.read_text())
    if unknown := sorted(set(recorded) - set(PROMISES)):
        raise KeyError(f'{result} records {unknown[0]!r}, which is none of {", ".join(PROMISES)}')
    lines, kinds = ['| promise | tried on | how often | lost | by |', '|---|---|---|---|---|'], {}
    for name, promise in PROMISES.items():
        rows = defaultdict(list)
        for case, facts in recorded.get(name, {}).items():
            kind, colon, what = case.partition(': ')
            rows[kind].append(facts)
            if colon:
                kinds.setdefault(kind, []).append(what)
        for kind, cases in rows.items():
            tried, lost, test = sum(facts['tried'] for facts in cases), sum(facts['lost'] for facts in cases), cases[0]['test']
            of = cases[0]['of'].removesuffix('s') if tried == 1 else cases[0]['of']
            many = f', {len(kinds[kind])} kinds' if kind in kinds else ''
            lines.append(f'| {promise} | {kind}{many} | {tried:,} {of} | {lost or "nothing"} | '
                         f'[{Path(test).name}](../{test}) |')
            promise = ''
    listed = [f'* {kind}: {"; ".join(names)}' for kind, names in kinds.items()]
    return '\n'.join([*lines, '', *([*listed, ''] if listed else []),
                      f'{_when(recorded.values())} Recorded by the tests named: [{result.name}]({link}{result.name}).'])


def kills_table(result: Path, link: str) -> str:
    """Return a Markdown table of the trainings that were killed and resumed, with the number of losses.

    Args:
        result: the recorded file.
        link: text before the file's name in the link to it.
    """
    recorded = json.loads(result.read_text())
    cases = recorded['killed'] | recorded.get('asked to stop', {})
    cases = {name: case for name, case in cases.items() if 'last_point_passed' in case}
    lines = ['| training | interrupted | runs to the end | checkpoints read | unreadable | iterations lost beyond the interval '
             '| values that differ at the end |', '|' + '---|' * 7]
    for name, case in cases.items():
        counts = [case[key] for key in ('trainings', 'files_read', 'unreadable_files', 'iterations_lost_beyond_the_interval',
                                        'values_that_differ')]
        lines.append(f'| {name} | {case["tried"]} {case["of"]} | {" | ".join(map(str, counts))} |')
    passed = dict.fromkeys(_POINTS.values(), 0)
    for case in cases.values():
        for point, times in case['last_point_passed'].items():
            passed[_POINTS[point]] += times
    where = ', '.join(f'{words} {times}' for words, times in passed.items() if times)
    total = sum(case['tried'] for case in cases.values())
    return '\n'.join(lines) + (
        f'\n\n{total} interruptions; the last thing that the process had done: {where}. {_when([cases])} Recorded by '
        f'`tests/end_to_end/test_breaker.py`: [{result.name}]({link}{result.name}).')


def _when(groups) -> str:
    cases = [case for group in groups for case in group.values()]
    dates = sorted({case['date'] for case in cases})
    versions = sorted({f'{name} {version}' for case in cases for name, version in case['versions'].items()})
    return f'{" to ".join(dict.fromkeys((dates[0], dates[-1])))}, {", ".join(versions)}.'
