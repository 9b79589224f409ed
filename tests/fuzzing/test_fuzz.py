"""The fuzzer's targets take good files, and break where a reader does; at night the fuzzer runs."""
import platform
import subprocess
import sys
from pathlib import Path

import pytest
from hostile_readers import READERS, Reader

sys.path.insert(0, str(Path(__file__).parent))
from fuzz import target


@pytest.mark.nightly
@pytest.mark.parametrize('name', READERS)
def test_takes_good_files(name, tmp_path):
    assert {target(name, tmp_path)(data) for data in READERS[name].seeds()} == {'a value'}


def test_breaks_where_a_reader_does(tmp_path, monkeypatch):
    def read(path):
        raise KeyError(path.read_bytes())

    monkeypatch.setitem(READERS, 'broken', Reader('a.bin', list, read))
    with pytest.raises(KeyError, match='given'):
        target('broken', tmp_path)(b'given')


@pytest.mark.nightly
@pytest.mark.skipif(platform.machine() != 'x86_64', reason='atheris has wheels for x86-64 alone')
@pytest.mark.parametrize('name', READERS)
def test_finds_nothing(name, tmp_path):
    """The fuzzer runs for a minute with each reader, and the program records its trials."""
    done = subprocess.run([sys.executable, Path(__file__).with_name('fuzz.py'), name, '--minutes', '1', '--folder', tmp_path,
                           '--runs', '30000'], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
