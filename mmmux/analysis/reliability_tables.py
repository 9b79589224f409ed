"""Tables of what tests tried to break, from the file that they record it in."""
import json
from pathlib import Path

_POINTS = {
    'begin': 'starting', 'train_iter': 'training', 'val_iter': 'validating', 'half_written': 'in the middle of a checkpoint',
    'written': 'after writing it', 'renaming': 'before renaming it', 'renamed': 'after renaming it',
    'deleting': 'deleting an older one'
}


def kills_table(result: Path, link: str) -> str:
    """Markdown: trainings that were killed and resumed, how often, and what was lost; `link` goes before the file's name."""
    cases = json.loads(result.read_text())['killed with SIGKILL and resumed']
    lines = ['| training | kills | runs to the end | checkpoints read | unreadable | iterations lost beyond the interval | '
             'values that differ at the end |', '|' + '---|' * 7]
    for name, case in cases.items():
        lines.append(f'| {name} | {case["kills"]} | {case["trainings"]} | {case["files_read"]} | {case["unreadable_files"]} | '
                     f'{case["iterations_lost_beyond_the_interval"]} | '
                     f'{case["values_that_differ_from_the_training_left_alone"]} |')
    total = sum(case['kills'] for case in cases.values())
    passed = {point: sum(case['last_point_passed'].get(point, 0) for case in cases.values()) for point in _POINTS}
    where = ', '.join(f'{words} {passed[point]}' for point, words in _POINTS.items() if passed[point])
    versions = {f'{name} {version}' for case in cases.values() for name, version in case['versions'].items()}
    dates = sorted({case['date'] for case in cases.values()})
    when = ' to '.join(dict.fromkeys((dates[0], dates[-1])))
    return '\n'.join(lines) + (
        f'\n\n{total} kills; the last thing that the killed process did: {where}. {when}, '
        f'{", ".join(sorted(versions))}. Recorded by `tests/end_to_end/test_breaker.py`: [{result.name}]({link}{result.name}).')
