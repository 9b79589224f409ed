import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from mmmux.datasets import drawn_shapes
from mmmux.datasets.drawn_shapes import CLASSES, draw_data_set, draw_scene

SIZE = 96


def split(root: Path, name: str) -> list[str]:
    return (root / f'VOC2007/ImageSets/Main/{name}.txt').read_text().split()


def test_layout(tmp_path):
    draw_data_set(tmp_path, 4, 2, SIZE)
    assert len(split(tmp_path, 'trainval')) == 4 and len(split(tmp_path, 'test')) == 2
    assert not set(split(tmp_path, 'trainval')) & set(split(tmp_path, 'test'))
    for name in split(tmp_path, 'trainval') + split(tmp_path, 'test'):
        assert (tmp_path / f'VOC2007/JPEGImages/{name}.jpg').is_file()
        assert (tmp_path / f'VOC2007/Annotations/{name}.xml').is_file()


@pytest.mark.parametrize('size', [64, 160])
def test_boxes_have_area_and_lie_in_the_picture(size):
    seen = set()
    for seed in range(40):
        scene, boxes = draw_scene(np.random.default_rng(seed), size)
        assert scene.size == (size, size) and 1 <= len(boxes) <= 5
        for name, (x1, y1, x2, y2) in boxes:
            assert 0 <= x1 < x2 <= size and 0 <= y1 < y2 <= size
            assert min(x2 - x1, y2 - y1) >= 0.1 * size  # nothing is too small to be seen
            seen.add(name)
    assert seen == set(CLASSES)


def test_boxes_are_tight(monkeypatch):
    """Where two scenes differ that differ only in the paint of their shapes, there the shapes are."""
    scenes = []
    for colour in ((255, 0, 255), (0, 255, 0)):
        monkeypatch.setattr(drawn_shapes, 'distinct_colour', lambda *_, colour=colour: colour)
        scenes.append([draw_scene(np.random.default_rng(seed), 160) for seed in range(30)])
    for (scene, boxes), (repainted, _) in zip(*scenes):
        painted = np.abs(np.asarray(scene, int) - np.asarray(repainted, int)).sum(2) > 100
        rows, columns = np.where(painted.any(1))[0], np.where(painted.any(0))[0]
        corners = np.array([box for _, box in boxes])
        around_all = [*corners[:, :2].min(0), *corners[:, 2:].max(0)]
        found = columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
        assert np.abs(np.subtract(found, around_all)).max() <= 2  # a tip is thinner than a pixel, and blurred


def test_annotation_counts_pixels_from_one(tmp_path):
    draw_data_set(tmp_path, 1, 0, SIZE)
    _, boxes = draw_scene(np.random.default_rng([0, 0]), SIZE)
    root = ET.parse(tmp_path / 'VOC2007/Annotations/000000.xml').getroot()
    sides = ('xmin', 'ymin', 'xmax', 'ymax')
    written = [(element.findtext('name'), *(int(element.findtext(f'bndbox/{side}')) - 1 for side in sides))
               for element in root.iter('object')]
    assert written == [(name, *corners) for name, corners in boxes]
