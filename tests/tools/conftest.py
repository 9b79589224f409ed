import runpy
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def tool(monkeypatch, capsys):
    """Run a program below tools/ in this process; return its output."""
    def run(name: str, *args) -> str:
        monkeypatch.setattr(sys, 'argv', [name, *map(str, args)])
        runpy.run_path(str(REPOSITORY / 'tools' / name), run_name='__main__')
        return capsys.readouterr().out

    return run


@pytest.fixture
def fails(tool, capsys):
    """Run a program that must end with one sentence on standard error and status 2; give back the sentence."""
    def run(name: str, *args) -> str:
        with pytest.raises(SystemExit) as ended:
            tool(name, *args)
        *_, line = capsys.readouterr().err.splitlines()  # packages may warn before, the first time they are imported
        assert ended.value.code == 2 and line.startswith('error: ')
        return line

    return run


@pytest.fixture
def configs():
    return REPOSITORY / 'configs'
