"""The programs that run the tests elsewhere: they run targets of the Makefile, for the Pythons that the package supports."""
import itertools
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).resolve().parent.parent
WORKFLOW = yaml.safe_load((ROOT / '.github/workflows/test.yml').read_text())
MATRIX = WORKFLOW['jobs']['test']['strategy']['matrix']


def runs_of(job: str) -> list[str]:
    return [step['run'] for step in WORKFLOW['jobs'][job]['steps'] if 'run' in step]


def make_targets() -> set[str]:
    return set(itertools.chain(*(line.split()[1:] for line in (ROOT / 'Makefile').read_text().splitlines()
                                 if line.startswith('.PHONY:'))))


def workflow_targets() -> set[str]:
    return {*MATRIX['target'], *(row['target'] for row in MATRIX['include'])}


def test_workflow_runs_what_ci_runs():
    assert runs_of('test') == ['make ${{ matrix.target }} PYTHON=python${{ matrix.python-version }}']
    loop, = re.findall(r'for target in (.*); do', (ROOT / '.ci/run').read_text())
    assert workflow_targets() == set(re.findall(r"'([^']+)'", loop))


def test_targets_are_in_the_makefile():
    assert {target.split()[0] for target in workflow_targets()} <= make_targets()


def test_workflow_tests_every_python_that_the_package_supports():
    supported, = re.findall(r"requires-python = '(.+)'", (ROOT / 'pyproject.toml').read_text())
    versions = [f'3.{minor}' for minor in range(6, 20)]
    assert MATRIX['python-version'] == list(SpecifierSet(supported).filter(versions))


def test_lint_of_the_workflow_is_that_of_the_makefile():
    done = subprocess.run(['make', '-n', 'lint', 'VENV=env'], cwd=ROOT, capture_output=True, text=True, check=True)
    commands = {'ruff check': '-m ruff check', 'codespell': '-m codespell_lib',
                'python .dev_scripts/plain_english.py': '.dev_scripts/plain_english.py'}
    for command in runs_of('lint')[1:]:
        assert f"'env/bin/python' {commands[command]}" in done.stdout


@pytest.mark.parametrize('target', sorted(workflow_targets()))
def test_each_target_runs_pytest(target):
    done = subprocess.run(['make', '-n', *target.split()], cwd=ROOT, capture_output=True, text=True, check=True)
    assert '-m pytest' in done.stdout
