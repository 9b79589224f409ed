"""Tools that have moved still run by their old paths."""
from pathlib import Path

import pytest
from facts import find_line

TOOLS = Path(__file__).resolve().parents[2] / 'tools'
MOVED = sorted(path.relative_to(TOOLS) for path in TOOLS.glob('*/*.py') if (TOOLS / path.name).exists())


def test_the_moved_ones():
    assert {path.name for path in MOVED} == {
        'benchmark.py', 'check_dataset.py', 'convert_release_checkpoint.py', 'fit_anchors.py', 'get_complexity.py', 'report.py'}


@pytest.mark.parametrize('new', MOVED, ids=str)
def test_the_old_path_names_the_new_one_and_runs_it(tool, capsys, new):
    with pytest.raises(SystemExit) as ended:
        tool(new.name, '--help')
    out, err = capsys.readouterr()
    assert ended.value.code == 0 and out.startswith(f'usage: {new.name} ')
    find_line(err, TOOLS / new.name, TOOLS / new)


def test_arguments_are_passed_on(tool, configs):
    command = configs / 'classification/muxnet-xs_1xb128-25e_cifar10-folders-32.py', '--json'
    assert tool('get_complexity.py', *command) == tool('analysis_tools/get_complexity.py', *command) != ''
