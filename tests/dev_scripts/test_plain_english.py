import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / '.dev_scripts' / 'plain_english.py'


@pytest.fixture
def listed(tmp_path):
    """Run the script on a folder with one file; return its exit status and the lines it printed, without the folder."""
    def run(source: str) -> tuple[int, list[str]]:
        (tmp_path / 'package').mkdir()
        (tmp_path / 'package' / 'code.py').write_text(source, encoding='utf-8')
        done = subprocess.run([sys.executable, SCRIPT, tmp_path], capture_output=True, text=True)
        assert not done.stderr
        return done.returncode, [line.partition('code.py:')[2] for line in done.stdout.splitlines()]

    return run


def test_finds_phrases_in_docstrings_and_comments(listed):
    status, lines = listed('''"""SIGTERM as a wish that is granted later."""
x = 1  # What is minimised.


class Table:
    """A part of a table.

    A wrong value is told
    here, of
    what it accepts.
    """

    async def read(self):
        """Read, with what is left."""
        # The first line is plain. In the second one, such
        # as is found here, a phrase spans two lines.
        return x
''')
    assert status == 1
    assert lines == ["1: 'as a wish'", "1: 'granted'", "2: 'What is'", "8: 'told'", "9: 'of what'", "14: 'with what'",
                     "15: 'such as is'"]


def test_finds_phrases_in_messages(listed):
    status, lines = listed('''"""Read a file."""
import pathlib


def read(path):
    if not path.exists():
        raise ValueError(f'{path} is not there: mend '
                         f'{path.name}')
    print(f"{path} "
          'goes on',
          'told')
''')
    assert status == 1
    assert lines == ["7: 'mend'", "9: 'goes on'"]


def test_passes_plain_english(listed):
    assert listed('''"""Save a checkpoint after the current iteration; the whole file has a checksum."""
message = dict(told='the user reads the value and the place')  # a name is no message
told = message['told']


def stop(granted):
    # A comment ends with the word what

    # is a new comment after an empty line.
    return granted
''') == (0, [])
