import errno
import json
import os

import pytest

from mmmux.utils.atomic_write import put_in_place, remove_leftovers, write_json, write_text


@pytest.fixture
def calls(monkeypatch):
    """Record the system calls, in order."""
    made, replace, fsync = [], os.replace, os.fsync
    monkeypatch.setattr(os, 'replace', lambda *names: (made.append('rename'), replace(*names)))
    monkeypatch.setattr(os, 'fsync', lambda descriptor: (
        made.append('folder' if os.path.isdir(f'/proc/self/fd/{descriptor}') else 'file'), fsync(descriptor)))
    return made


def test_bytes_are_on_the_disk_before_the_name_and_the_name_afterwards(tmp_path, calls):
    (tmp_path / 'a.pth').write_text('old')
    (tmp_path / 'a.pth.writing').write_text('new')
    put_in_place(tmp_path / 'a.pth')
    assert calls == ['file', 'rename', 'folder']
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [('a.pth', 'new')]


def test_text_is_replaced_in_one_step(tmp_path, calls):
    path = tmp_path / 'last_checkpoint'
    write_text(path, 'one')
    write_text(path, 'two')
    assert path.read_text() == 'two' and calls == 2 * ['file', 'rename', 'folder']


def test_values_are_replaced_in_one_step_in_a_new_folder(tmp_path, calls):
    path = tmp_path / 'results/metrics.json'
    for value in ({'mAP': 0.25}, {'mAP': 0.5, 'classes': ['cell', None]}):
        write_json(path, value)
    assert json.loads(path.read_text()) == value and calls == 2 * ['file', 'rename', 'folder']


def test_old_text_stays_where_the_new_one_cannot_be_written(tmp_path, monkeypatch):
    path = tmp_path / 'last_checkpoint'
    write_text(path, 'one')

    def full(descriptor):
        raise OSError(errno.ENOSPC, 'full')

    monkeypatch.setattr(os, 'fsync', full)
    with pytest.raises(OSError, match='full'):
        write_text(path, 'two')
    assert path.read_text() == 'one'


def test_leftovers(tmp_path):
    for name in ('epoch_2.pth.writing', 'last_checkpoint.writing', 'epoch_1.pth', 'writing'):
        (tmp_path / name).touch()
    assert remove_leftovers(tmp_path) == ['epoch_2.pth.writing', 'last_checkpoint.writing']
    assert sorted(path.name for path in tmp_path.iterdir()) == ['epoch_1.pth', 'writing']
