"""The fuzzer's targets take good files, and break where a reader does. Fuzzing itself needs atheris, and time."""
import sys
from pathlib import Path

import pytest
from hostile_readers import READERS, Reader

sys.path.insert(0, str(Path(__file__).parent))
from fuzz import target


@pytest.mark.parametrize('name', READERS)
def test_takes_good_files(name, tmp_path):
    pytest.importorskip(READERS[name].needs)
    assert {target(name, tmp_path)(data) for data in READERS[name].seeds()} == {'a value'}


def test_breaks_where_a_reader_does(tmp_path, monkeypatch):
    def read(path):
        raise KeyError(path.read_bytes())

    monkeypatch.setitem(READERS, 'broken', Reader('a.bin', list, read))
    with pytest.raises(KeyError, match='given'):
        target('broken', tmp_path)(b'given')
