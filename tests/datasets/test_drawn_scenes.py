from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from PIL import Image, ImageFilter

from mmmux.datasets import drawn_scenes
from mmmux.datasets.drawn_scenes import CLASSES, PALETTE, draw_data_set, draw_scene

SIZE = 64
BASE = Path(__file__).resolve().parents[2] / 'configs/_base_/datasets/drawn_scenes.py'
SKY, GROUND, FIRST_SHAPE = 1, 2, 3


def contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob('*')) if path.is_file()}


def times(root: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in root.rglob('*')}


def interrupt_after(monkeypatch, scenes: int) -> None:
    drawn = iter(range(scenes))

    def draw(*args):
        if next(drawn, None) is None:
            raise KeyboardInterrupt
        return draw_scene(*args)

    monkeypatch.setattr(drawn_scenes, 'draw_scene', draw)


def scenes(number: int, size: int = SIZE) -> list[tuple[np.ndarray, np.ndarray]]:
    drawn = [draw_scene(np.random.default_rng(seed), size) for seed in range(number)]
    return [(np.asarray(scene, int), np.asarray(labels)) for scene, labels in drawn]


@pytest.fixture(scope='module')
def drawn():
    return scenes(20)


def test_same_arguments_give_the_same_bytes(tmp_path):
    first, second = (contents(draw_data_set(tmp_path / name, 4, 2, SIZE)) for name in 'ab')
    assert first == second
    other = contents(draw_data_set(tmp_path / 'c', 4, 2, SIZE, seed=1))
    assert all(other[name] != data for name, data in first.items())


def test_more_pictures_leave_the_first_ones_as_they_are(tmp_path):
    few, many = contents(draw_data_set(tmp_path / 'few', 2, 0, SIZE)), contents(draw_data_set(tmp_path / 'many', 5, 0, SIZE))
    del few['complete.txt']
    assert len(few) == 4 and few.items() < many.items()


def test_layout(tmp_path):
    assert draw_data_set(str(tmp_path), 4, 2, SIZE) == tmp_path
    numbers = {'training': range(4), 'validation': range(4, 6)}
    wanted = {f'{folder}/{split}/{number:06d}.{suffix}' for split in numbers for number in numbers[split]
              for folder, suffix in (('images', 'jpg'), ('annotations', 'png'))}
    assert set(contents(tmp_path)) == wanted | {'complete.txt'}
    modes = {Path(name).suffix: 'RGB' if name.startswith('images') else 'L' for name in wanted}
    for name in wanted:
        with Image.open(tmp_path / name) as image:
            assert (image.mode, image.size) == (modes[Path(name).suffix], (SIZE, SIZE))


def test_second_call_touches_nothing(tmp_path):
    draw_data_set(tmp_path, 3, 1, SIZE)
    before = times(tmp_path)
    draw_data_set(tmp_path, 3, 1, SIZE)
    assert times(tmp_path) == before


@pytest.mark.parametrize('scenes_until_then', [0, 2, 3])
def test_interrupted_drawing_is_made_whole(tmp_path, monkeypatch, scenes_until_then):
    wanted = contents(draw_data_set(tmp_path / 'wanted', 3, 1, SIZE))
    for drawn_before in (False, True):
        root = tmp_path / f'stopped {drawn_before}'
        if drawn_before:
            draw_data_set(root, 3, 1, SIZE)
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            interrupt_after(patch, scenes_until_then)
            draw_data_set(root, 3, 1, SIZE, seed=int(drawn_before))
        assert contents(draw_data_set(root, 3, 1, SIZE)) == wanted


@pytest.mark.parametrize('changed', [dict(train=2, val=1), dict(train=2, val=2), dict(train=3, val=0), dict(train=5, val=3)])
def test_changed_drawing_leaves_nothing_of_the_old_one(tmp_path, changed):
    wanted = contents(draw_data_set(tmp_path / 'wanted', 3, 1, SIZE))
    root = draw_data_set(tmp_path / 'changed', 3, 1, SIZE)
    new = contents(draw_data_set(tmp_path / 'new', **changed, size=SIZE))
    assert contents(draw_data_set(root, **changed, size=SIZE)) == new
    assert contents(draw_data_set(root, 3, 1, SIZE)) == wanted


def test_every_class_occurs_and_nothing_else(drawn):
    labels = np.stack([labels for _, labels in drawn])
    shares = np.bincount(labels.ravel()) / labels.size
    assert len(shares) == len(CLASSES) + 1 == 7
    assert (shares[FIRST_SHAPE:] > 0.01).all() and (shares[[SKY, GROUND]] > 0.25).all() and 0.01 < shares[0] < 0.06


def test_sky_is_above_ground_and_between_them_it_is_unlabelled(drawn):
    for _, labels in drawn:
        for column in labels.T:
            sky, ground = np.where(column == SKY)[0], np.where(column == GROUND)[0]
            assert not len(sky) or not len(ground) or sky[-1] + 2 < ground[0]
        assert (labels == SKY).any() and (labels == GROUND).any()


def test_sky_is_even_and_ground_grainy(drawn):
    for scene, labels in drawn:
        inner = [np.asarray(Image.fromarray(labels == label).convert('L').filter(ImageFilter.MinFilter(5)), bool)
                 for label in (SKY, GROUND)]
        roughness = [np.diff(scene, axis=1)[mask[:, 1:]].std() for mask in inner]
        assert 1.3 * roughness[0] < roughness[1] and roughness[0] < 10


def test_shapes_are_where_the_label_map_says(monkeypatch):
    """Where two scenes differ that differ only in the paint of their shapes, there the shapes are."""
    painted = []
    for colour in ((255, 0, 255), (0, 255, 0)):
        monkeypatch.setattr(drawn_scenes, 'PALETTE', (colour, ) * len(CLASSES))
        painted.append(scenes(10))
    first, second = (np.stack([scene for scene, _ in drawn]) for drawn in painted)
    shapes = np.stack([labels for _, labels in painted[0]]) >= FIRST_SHAPE
    differ = np.abs(first - second).sum(3) > 3 * 255 / 2
    assert (differ != shapes).mean() < 0.002
    for shift in ((0, 1), (0, -1), (1, 0), (-1, 0)):  # the label map is not off by a pixel
        assert (differ != np.roll(shapes, shift, (1, 2))).mean() > 0.01


def test_label_and_colour_of_every_shape(monkeypatch):
    """Each shape is a stripe of its own: its pixels have one number and, but for the noise, one colour."""
    names = ('circle', 'square', 'triangle', 'cross')

    def stripe(name, rng, canvas):
        mask = np.zeros((canvas, canvas), bool)
        mask[:, names.index(name) * canvas // 4:(names.index(name) + 1) * canvas // 4] = True
        return Image.fromarray(mask)

    monkeypatch.setattr(drawn_scenes, 'shape_mask', stripe)
    seen = set()
    for scene, labels in scenes(12):
        for number, name in enumerate(names):
            inside = np.s_[:, 16 * number:16 * (number + 1)]
            if labels[inside].min() >= FIRST_SHAPE:
                seen.add(name)
                assert (labels[inside] == CLASSES.index(name) + 1).all()
                assert scene[inside][:, 4:-4].std((0, 1)).max() < 8
    assert seen == set(names)


def test_config_has_the_classes_and_colours():
    metainfo = Config.fromfile(BASE).metainfo
    assert tuple(metainfo.classes) == CLASSES == ('sky', 'ground', 'circle', 'square', 'triangle', 'cross')
    assert tuple(map(tuple, metainfo.palette)) == PALETTE and len(set(PALETTE)) == len(CLASSES)
