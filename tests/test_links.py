"""Links and paths in the documents lead to files that are there."""
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = subprocess.run(['git', 'ls-files', '-co', '--exclude-standard', '*.md'], cwd=ROOT, capture_output=True, text=True,
                       check=True).stdout.split()
LINK = re.compile(r'\]\((?!https?:|#)([^)#\s]+)')
# A path from the repository's root in code, but for patterns and placeholders.
PATH = re.compile(r'(?<![\w./-])((?:\.dev_scripts|benchmarks|configs|demo|docs|mmmux|requirements|tests|tools)/'
                  r'[\w./-]+\.(?:py|sh|md|txt))\b')


MADE_BY_USERS = ('mine.py', 'fitted.py')


def test_there_are_pages():
    assert {'README.md', 'docs/performance.md', 'configs/ssdlite/README.md'} <= set(PAGES)


@pytest.mark.parametrize('page', PAGES)
def test_links_and_paths_lead_to_files(page):
    text = (ROOT / page).read_text()
    links = [link for link in LINK.findall(text) if not (ROOT / page).parent.joinpath(link).exists()]
    paths = [path for path in PATH.findall(text) if not (ROOT / path).exists() and Path(path).name not in MADE_BY_USERS]
    assert (links, paths) == ([], [])
