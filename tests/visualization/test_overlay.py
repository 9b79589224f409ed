import numpy as np
import pytest
from PIL import Image, ImageDraw

from mmmux.visualization.overlay import blend, legend, overlay

CLASSES = ('red', 'green', 'blue')
PALETTE = ((200, 0, 0), (0, 200, 0), (0, 0, 200))


def picture(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def squares(image: Image.Image) -> list[tuple]:
    """The colours beside the names, from above."""
    column = [image.getpixel((11, y)) for y in range(image.height)]
    return [colour for before, colour in zip([None, *column], column) if colour not in (before, (255, 255, 255))]


@pytest.fixture
def texts(monkeypatch):
    """Record the texts of legends."""
    written = []
    monkeypatch.setattr(ImageDraw.ImageDraw, 'text', lambda self, xy, text, **_: written.append(text))
    return written


class TestBlend:

    def test_by_hand(self):
        image = np.array([[(100, 0, 200)]], np.uint8)
        assert blend(image, np.zeros((1, 1), int), [(200, 100, 0)]).getpixel((0, 0)) == (155, 55, 90)  # 0.55 of the class

    @pytest.mark.parametrize('unknown', [255, 3])
    @pytest.mark.parametrize('kind', [np.uint8, np.int64])
    def test_unknown_labels_keep_their_pixels(self, unknown, kind):
        image, labels = picture(20, 30), np.random.default_rng(1).integers(0, 4, (20, 30)).astype(kind)
        labels[labels == 3] = unknown
        before, drawn = image.copy(), np.asarray(blend(image, labels, PALETTE))
        np.testing.assert_array_equal(drawn[labels == unknown], image[labels == unknown])
        assert (drawn[labels != unknown] != image[labels != unknown]).any(-1).mean() > 0.98
        np.testing.assert_array_equal(image, before)


class TestLegend:

    def test_classes_that_are_there_with_their_shares_the_largest_first(self, texts):
        labels = np.array([2] * 5 + [0] * 3 + [255] * 2).reshape(2, 5)
        assert squares(legend(labels, CLASSES, PALETTE)) == [PALETTE[2], PALETTE[0]]
        assert texts == ['blue 50.0 %', 'red 30.0 %']

    def test_equal_shares_are_in_the_order_of_the_classes(self):
        assert squares(legend(np.array([[2, 0, 1]]), CLASSES, PALETTE)) == list(PALETTE)

    @pytest.mark.parametrize('names', [('i', 'W' * 60), ('W' * 60, 'i'), ('gypsum', 'Größe'), ('i', 'l')])
    def test_nothing_is_cut_off(self, names):
        drawn = np.asarray(legend(np.array([[0, 1]]), names, PALETTE).convert('L'))
        for row in (drawn[:21], drawn[17:]):
            assert row[:, 22:].min() < 100
        assert drawn[:, -2:].min() == drawn[:2].min() == drawn[-2:].min() == 255

    @pytest.mark.parametrize('number', [1, 24, 25, 26, 150])
    def test_rows_are_at_most_24_classes_and_how_many_more(self, texts, number):
        classes, palette = [f'class {index}' for index in range(number)], [(index, 100, 200) for index in range(number)]
        drawn = legend(np.arange(number)[None], classes, palette)
        shown = min(number, 24)
        assert squares(drawn) == palette[:shown]
        assert [text.split(' ')[1] for text in texts[:shown]] == [str(index) for index in range(shown)]
        assert texts[shown:] == ([f'and {number - 24} more'] if number > 24 else [])
        assert 12 * len(texts) < drawn.height <= 25 * 20


class TestOverlay:

    @pytest.mark.parametrize('height,width', [(1, 1), (1, 300), (20, 30), (400, 7)])
    @pytest.mark.parametrize('label', [1, 255])
    def test_picture_and_legend_side_by_side(self, height, width, label):
        image, labels = picture(height, width), np.full((height, width), label)
        drawn, names = overlay(image, labels, CLASSES, PALETTE), legend(labels, CLASSES, PALETTE)
        assert min(names.size) > 0
        assert drawn.size == (width + names.width, max(height, names.height))
        boxes = {(0, 0, width, height): blend(image, labels, PALETTE), (width, 0, drawn.width, names.height): names}
        for box, part in boxes.items():
            assert drawn.crop(box).tobytes() == part.tobytes()
        below = np.concatenate([np.asarray(drawn)[height:, :width].ravel(), np.asarray(drawn)[names.height:, width:].ravel()])
        assert (below == 255).all()

    @pytest.mark.parametrize('palette', [[list(colour) for colour in PALETTE], np.array(PALETTE), np.array(PALETTE, np.uint8)])
    def test_kinds_of_palettes(self, palette):
        image, labels = picture(20, 30), np.random.default_rng(1).integers(0, 3, (20, 30))
        drawn = overlay(image, labels, list(CLASSES), palette)
        assert drawn.tobytes() == overlay(image, labels, CLASSES, PALETTE).tobytes()
        assert sorted(squares(drawn.crop((30, 0, *drawn.size)))) == sorted(PALETTE)
