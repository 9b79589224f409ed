"""Make the table of the times that `benchmarks/fresh_clone.py` measured."""
import json
from pathlib import Path

COLUMNS = {'with_wheels': 'with a wheel folder', 'without_wheels': 'without'}


def fresh_clone_table(result: Path, link: str) -> str:
    """Return a Markdown table: minutes of each make target in a fresh clone, and the size of each environment.

    Args:
        result: result file of `benchmarks/fresh_clone.py`; if it does not exist, a sentence is returned.
        link: text before the file's name in the link to it.
    """
    if not result.exists():
        return 'Not measured yet: `python benchmarks/fresh_clone.py with_wheels --wheels DIR` does so.'
    entries = json.loads(result.read_text())
    targets = [*dict.fromkeys(target for entry in entries.values() for target in entry['targets'])]
    lines = ['| | ' + ' | '.join(COLUMNS[name] for name in entries) + ' |', '|---' * (len(entries) + 1) + '|']
    for target in targets:
        cells = [_minutes(entry['targets'].get(target)) for entry in entries.values()]
        lines.append(f'| `make {target}` | ' + ' | '.join(cells) + ' |')
    lines.append('| size on disk | ' + ' | '.join(_sizes(entry) for entry in entries.values()) + ' |')
    last = [*entries.values()][-1]
    return '\n'.join(lines) + (f'\n\n{last["processor"]}, {last["cores"]} cores, Python {last["python"]}, {last["date"]}; the '
                               'targets ran one after the other. '
                               f'Written by `fresh_clone.py`: [{result.name}]({link}{result.name}).')


def _minutes(run: dict | None) -> str:
    if run is None:
        return '-'
    return f'{run["seconds"] / 60:.1f} min' + (' (failed)' if run['status'] else '')


def _sizes(entry: dict) -> str:
    return ', '.join(f'`{name}` {size:.1f} GB' for name, size in entry['gigabytes'].items())
