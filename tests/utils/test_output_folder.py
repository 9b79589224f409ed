"""A folder that cannot be made is reported in one sentence, for every cause."""
import errno
import os

import pytest
from facts import assert_facts, raises

from mmmux.utils.errors import ConfigError
from mmmux.utils.output_folder import make_folder
from mmmux.utils.write_lock import WriteLock


@pytest.fixture
def places(tmp_path):
    (tmp_path / 'file').touch()
    (tmp_path / 'nowhere').symlink_to(tmp_path / 'gone')
    (tmp_path / 'circle').symlink_to(tmp_path / 'circle')
    return tmp_path


def test_folders_are_made_and_left_alone(tmp_path):
    assert make_folder(tmp_path / 'a/b', '--out') == tmp_path / 'a/b'
    (tmp_path / 'a/b/file').touch()
    assert (make_folder(str(tmp_path / 'a/b'), '--out') / 'file').exists()


@pytest.mark.parametrize('place,number', [
    ('/proc/x', errno.ENOENT), ('/dev/null/x', errno.ENOTDIR), ('file', errno.EEXIST), ('file/x', errno.ENOTDIR),
    ('nowhere', errno.EEXIST), ('circle/x', errno.ELOOP), ('n' * 300, errno.ENAMETOOLONG)])
def test_every_cause_is_named(places, place, number):
    shown = places / place if len(place) < 100 else '...'  # a long name is shortened
    with raises(ConfigError, shown, '--work-dir', os.strerror(number)) as caught:
        make_folder(places / place, '--work-dir')
    assert caught.value.__suppress_context__


def test_a_path_that_is_none():
    with raises(ConfigError, r'a\x00b', '--work-dir'):
        make_folder('a\0b', '--work-dir')


@pytest.mark.parametrize('error', [errno.EROFS, errno.EACCES, errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ESTALE])
def test_causes_of_other_machines(monkeypatch, tmp_path, error):
    def mkdir(*_, **__):
        raise OSError(error, os.strerror(error), 'inner')

    monkeypatch.setattr('pathlib.Path.mkdir', mkdir)
    with raises(ConfigError, tmp_path / 'x', os.strerror(error)):
        make_folder(tmp_path / 'x', '--work-dir')


@pytest.mark.skipif(not os.path.isdir('/proc'), reason='a folder that exists, and in which nobody can make a file')
def test_a_folder_without_room_for_a_file():
    with pytest.raises(ConfigError) as caught:
        WriteLock('/proc', '--work-dir')
    assert_facts(str(caught.value), '/proc', '--work-dir')
    assert 'process' not in str(caught.value)  # nobody holds it
