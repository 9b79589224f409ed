from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from PIL import Image

from mmmux.datasets import drawn_scenes
from mmmux.datasets.drawn_scenes import CLASSES, PALETTE, draw_data_set, draw_scene

SIZE = 64
BASE = Path(__file__).resolve().parents[2] / 'configs/_base_/datasets/drawn_scenes.py'
SKY, GROUND, FIRST_SHAPE = 1, 2, 3


def scenes(number: int, size: int = SIZE) -> list[tuple[np.ndarray, np.ndarray]]:
    drawn = [draw_scene(np.random.default_rng(seed), size) for seed in range(number)]
    return [(np.asarray(scene, int), np.asarray(labels)) for scene, labels in drawn]


@pytest.fixture(scope='module')
def drawn():
    return scenes(20)


def test_layout(tmp_path):
    assert draw_data_set(str(tmp_path), 4, 2, SIZE) == tmp_path
    numbers = {'training': range(4), 'validation': range(4, 6)}
    wanted = {f'{folder}/{split}/{number:06d}.{suffix}' for split in numbers for number in numbers[split]
              for folder, suffix in (('images', 'jpg'), ('annotations', 'png'))}
    assert {str(path.relative_to(tmp_path)) for path in tmp_path.rglob('*.*')} == wanted | {'complete.txt'}
    modes = {Path(name).suffix: 'RGB' if name.startswith('images') else 'L' for name in wanted}
    for name in wanted:
        with Image.open(tmp_path / name) as image:
            assert (image.mode, image.size) == (modes[Path(name).suffix], (SIZE, SIZE))


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
