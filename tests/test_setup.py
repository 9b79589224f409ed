"""requirements/install.py leaves files alone that it did not make."""
import os
import subprocess
import sys
from pathlib import Path

import pytest
from facts import find_line

ROOT = Path(__file__).resolve().parent.parent


def install(venv: Path, *options) -> subprocess.CompletedProcess:
    command = [sys.executable, ROOT / 'requirements/install.py', '--venv', venv, *options]
    environment = {**os.environ, 'PYTHONPATH': str(ROOT)}
    return subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment)


def everything_in(folder: Path) -> dict:
    return {path.relative_to(folder): path.read_bytes() if path.is_file() else None for path in folder.rglob('*')}


def foreign(folder: Path, python: str) -> Path:
    (folder / 'bin').mkdir(parents=True)
    (folder / 'lib').mkdir()
    (folder / 'lib/precious.txt').write_text('installed by hand')
    (folder / 'bin/python').write_text(f'#!/bin/sh\n{python}\n')
    (folder / 'bin/python').chmod(0o755)
    return folder


@pytest.mark.parametrize('linked', [False, True])
def test_environment_of_others_that_lacks_something_is_refused(tmp_path, linked):
    folder = venv = foreign(tmp_path / 'theirs', 'echo "No module named openvino" >&2; exit 1')
    if linked:
        venv = tmp_path / 'link'
        venv.symlink_to(folder)
    before = everything_in(folder)
    done = install(venv)
    assert done.returncode
    find_line(done.stderr, venv, 'No module named openvino', f'VENV={venv}-mmmux')
    assert everything_in(folder) == before


def test_folder_that_is_no_environment_is_refused(tmp_path):
    (tmp_path / 'notes.txt').write_text('mine')
    done = install(tmp_path)
    assert done.returncode
    find_line(done.stderr, tmp_path, f'VENV={tmp_path}-mmmux')
    assert everything_in(tmp_path) == {Path('notes.txt'): b'mine'}


@pytest.mark.slow
def test_environment_of_others_that_has_what_is_needed_is_used(tmp_path):
    folder = foreign(tmp_path / 'theirs', f'exec "{sys.executable}" "$@"')
    before = everything_in(folder)
    done = install(folder, '--stack', 'oldest')
    assert done.returncode == 0, done.stderr
    assert everything_in(folder) == before


def test_wheels_that_are_not_there_are_named(tmp_path):
    done = install(tmp_path / 'new', '--wheels', tmp_path / 'missing')
    assert done.returncode and not (tmp_path / 'new').exists()
    find_line(done.stderr, '--wheels', tmp_path / 'missing')
