import numpy as np
import pytest
from PIL import ImageDraw

from mmmux.visualization.boxes import _font, with_boxes

RED, BLUE = (255, 0, 0), (0, 0, 255)


@pytest.fixture
def texts(monkeypatch):
    """Record the drawn texts and their positions."""
    written = []
    monkeypatch.setattr(ImageDraw.ImageDraw, 'text', lambda self, place, text, *_, **__: written.append((text, place)))
    return written


def changed(image: np.ndarray, boxes, texts, colours) -> np.ndarray:
    """Return which pixels differ from the image, and are not black as the ground of a text is."""
    drawn = np.asarray(with_boxes(image, np.array(boxes), texts, colours))
    assert drawn.shape == image.shape
    return (drawn != image).any(-1) & (drawn.max(-1) > 60)


def test_sides_of_a_box_are_drawn_in_its_colour(texts):
    image = np.zeros((120, 200, 3), np.uint8)
    drawn = np.asarray(with_boxes(image, np.array([[20, 30, 90, 100], [110, 10, 190, 80.]]), ['a', 'b'], [RED, BLUE]))
    assert drawn[60, 20].tolist() == drawn[100, 50].tolist() == [204, 0, 0]  # 0.8 of the colour
    assert drawn[40, 190].tolist() == [0, 0, 204] and not drawn[60, 60].any()
    rows, columns = np.nonzero(drawn[..., 0])
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == pytest.approx((30, 100, 20, 90), abs=2)
    assert [text for text, _ in texts] == ['a', 'b'] and texts[0][1] == (23, 33)


def test_the_image_itself_is_left_alone():
    image = np.full((50, 50, 3), 7, np.uint8)
    with_boxes(image, np.array([[5, 5, 40, 40.]]), ['a'], [RED])
    assert (image == 7).all()


@pytest.mark.parametrize('box', [[-1e9, 10, 1e9, 40], [30, 30, 20, 20], [500, 500, 600, 600], [float('nan')] * 4,
                                 [0, 0, float('inf'), 10]])
def test_boxes_of_a_diverged_model_do_no_harm(box):
    image = np.zeros((50, 60, 3), np.uint8)
    pixels = changed(image, [box, [5, 5, 40, 40.]], ['a', 'b'], [RED, BLUE])
    assert pixels[20, 40]  # a side of the good one


def test_without_boxes():
    image = np.zeros((50, 60, 3), np.uint8)
    assert not changed(image, np.zeros((0, 4)), [], []).any()


def test_letters_that_its_font_lacks_get_one_that_has_them(monkeypatch):
    asked = []
    monkeypatch.setattr('mmmux.visualization.boxes.pillow_font', lambda text, size: asked.append(text) or _font(size))
    with_boxes(np.zeros((60, 260, 3), np.uint8), np.array([[1, 1, 200, 50]] * 2), ['\u7ec6\u80de', 'cell'], [RED] * 2)
    assert asked == ['\u7ec6\u80de']


@pytest.mark.parametrize('text', ['Ölfleck', 'клетка', 'κύτταρο'])
def test_letters_beyond_latin_have_shapes_of_their_own(text):
    image = np.zeros((60, 260, 3), np.uint8)
    box = [[1, 1, 259, 59 * 3]]  # large enough for large letters

    def drawn(words: str) -> bytes:
        return with_boxes(image, np.array(box), [words], [RED]).tobytes()

    assert drawn(text) != drawn('\uffff' * len(text)) and drawn(text) != drawn(text[::-1])
