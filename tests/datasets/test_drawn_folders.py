"""A drawn data set has the same files each time, independent of earlier files in its folder."""
from pathlib import Path

import pytest

from mmmux.datasets import drawn_scenes, drawn_shapes

SIZE = 64


@pytest.fixture(params=[drawn_shapes, drawn_scenes], ids=['shapes', 'scenes'])
def kind(request):
    return request.param


def contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob('*')) if path.is_file()}


def test_files_depend_on_the_arguments_alone(kind, tmp_path):
    first, second, other = (contents(kind.draw_data_set(tmp_path / name, 4, 2, SIZE, seed))
                            for name, seed in (('a', 0), ('b', 0), ('c', 1)))
    pictures = [name for name in first if name.endswith('.jpg')]
    assert first == second and len(pictures) == 6 and all(first[name] != other[name] for name in pictures)
    few = contents(kind.draw_data_set(tmp_path / 'few', 2, 0, SIZE))
    assert all(first[name] == data for name, data in few.items() if name.endswith(('.jpg', '.png', '.xml')))


def test_second_call_touches_nothing(kind, tmp_path):
    def times() -> dict[Path, int]:
        return {path: path.stat().st_mtime_ns for path in tmp_path.rglob('*')}

    kind.draw_data_set(tmp_path, 3, 1, SIZE)
    before = times()
    kind.draw_data_set(tmp_path, 3, 1, SIZE)
    assert times() == before


@pytest.mark.parametrize('drawn_before', [False, True])
def test_interrupted_drawing_is_made_whole(kind, tmp_path, monkeypatch, drawn_before):
    draw_scene, wanted = kind.draw_scene, contents(kind.draw_data_set(tmp_path / 'wanted', 3, 1, SIZE))
    for scenes in (0, 2, 3):
        root, drawn = tmp_path / f'stopped {scenes}', []

        def draw(*args, scenes=scenes, drawn=drawn):
            if len(drawn) == scenes:
                raise KeyboardInterrupt
            drawn.append(draw_scene(*args))
            return drawn[-1]

        if drawn_before:
            kind.draw_data_set(root, 3, 1, SIZE)
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(kind, 'draw_scene', draw)
            kind.draw_data_set(root, 3, 1, SIZE, seed=int(drawn_before))
        assert contents(kind.draw_data_set(root, 3, 1, SIZE)) == wanted


@pytest.mark.parametrize('changed', [(2, 1), (2, 2), (3, 0), (5, 3)])
def test_lists_and_folders_follow_a_changed_number(kind, tmp_path, changed):
    wanted = contents(kind.draw_data_set(tmp_path / 'wanted', 3, 1, SIZE))
    root = kind.draw_data_set(tmp_path / 'changed', 3, 1, SIZE)
    new, found = (contents(kind.draw_data_set(folder, *changed, SIZE)) for folder in (tmp_path / 'new', root))
    assert new.items() <= found.items()
    if kind is drawn_scenes:  # whose data set has no lists, and reads every file in its folders
        assert found == new
        assert contents(kind.draw_data_set(root, 3, 1, SIZE)) == wanted
