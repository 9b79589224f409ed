"""Which files and webcams a demo reads, and the names of its results."""
from pathlib import Path

import pytest
from facts import raises

from mmmux.apis.inputs import find_inputs
from mmmux.utils.errors import ConfigError


@pytest.fixture
def folder(tmp_path):
    for name in ('a.jpg', 'sub/a.PNG', 'sub/deep/clip.avi', 'sub/notes.txt', '.hidden/b.jpg', 'sub/.c.jpg', 'out/a.jpg'):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def names(*given, out) -> list[str]:
    return [each.name.as_posix() for each in find_inputs(given, out)]


def test_folder(folder):
    """Subfolders are kept; hidden files, other files and the demo's own outputs are left out."""
    found = find_inputs([folder], folder / 'out')
    assert [(each.name.as_posix(), each.source) for each in found] == [
        ('a.jpg', folder / 'a.jpg'), ('sub/a.PNG', folder / 'sub/a.PNG'), ('sub/deep/clip.mp4', folder / 'sub/deep/clip.avi')]
    assert [each.moves for each in found] == [False, False, True]


@pytest.mark.parametrize(('pattern', 'expected'), [
    ('*.jpg', ['a.jpg']), ('sub/*', ['a.PNG']), ('**/*.[aP]*', ['sub/a.PNG', 'sub/deep/clip.mp4'])])
def test_pattern(folder, pattern, expected):
    assert names(f'{folder}/{pattern}', out=folder / 'out') == expected


def test_file_whose_name_is_a_pattern(tmp_path):
    (tmp_path / 'a[1].jpg').touch()
    assert names(tmp_path / 'a[1].jpg', out=tmp_path / 'out') == ['a[1].jpg']


def test_webcams(tmp_path):
    assert [each.source for each in find_inputs(['webcam', 'webcam:2'], tmp_path)] == [0, 2]


def test_two_results_of_one_name(folder, tmp_path):
    with raises(ConfigError, folder / 'a.jpg', folder / 'out/a.jpg', '--out-dir'):
        find_inputs([folder / 'a.jpg', folder / 'out/a.jpg'], tmp_path / 'elsewhere')


def test_files_of_labels_have_no_suffix_of_the_picture(tmp_path):
    given = [tmp_path / 'a.jpg', tmp_path / 'a.png']
    assert len(find_inputs(given, Path('out'))) == 2
    with raises(ConfigError, *given):
        find_inputs(given, Path('out'), without_suffix=True)


def test_nothing_found(tmp_path):
    with raises(ConfigError, tmp_path, '.jpg', '.mp4'):
        find_inputs([tmp_path], tmp_path / 'out')
    with raises(ConfigError, f'{tmp_path}/*.gif'):
        find_inputs([f'{tmp_path}/*.gif'], tmp_path / 'out')
