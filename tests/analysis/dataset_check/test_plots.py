from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from mmmux.analysis.dataset_check.plots import plot
from mmmux.analysis.dataset_check.report import PartReport, Report


def report(classes: int, boxes=()) -> Report:
    counts = np.arange(2 * classes).reshape(2, classes)
    layout = SimpleNamespace(classes=tuple(f'class {number}' for number in range(classes)), COUNTED='boxes', names=())
    boxes = np.array(boxes, np.float32).reshape(-1, 2)
    return Report([PartReport(SimpleNamespace(title=title, splits=[title]), layout, counts, boxes, [], [])
                   for title in ('train', 'val')], [])


@pytest.mark.slow
def test_classes_have_a_row_each_until_they_are_too_many(tmp_path):
    heights = {}
    for classes in (2, 20, 60, 61, 1000):
        (path, ) = plot(report(classes), tmp_path / str(classes))
        assert path.name == 'class_counts.png'
        heights[classes] = Image.open(path).height
    assert heights[2] < heights[20] < heights[60] and heights[61] == heights[1000] < heights[60]


@pytest.mark.parametrize('boxes', [[(3, 0.1)], [(3, 0.1)] * 5, [(0.01, 1e-6), (5000, 1)]])
def test_any_boxes_can_be_drawn(tmp_path, boxes):
    sizes, _ = plot(report(2, boxes), tmp_path)
    assert sizes.name == 'box_sizes.png' and np.asarray(Image.open(sizes).convert('L')).std() > 10


def test_nothing_to_draw(tmp_path):
    assert plot(report(0), tmp_path / 'out') == [] and (tmp_path / 'out').is_dir()
