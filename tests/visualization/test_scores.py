import numpy as np
import pytest
from PIL import Image, ImageDraw

from mmmux.visualization.scores import with_scores

GREEN, RED, GREY = (0, 158, 115), (213, 94, 0), (150, 150, 150)
CLASSES = ('airplane', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse')
SCORES = np.array([0.02, 0.5, 0.03, 0.25, 0.01, 0.15, 0.04])


def picture(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def bars(drawn: Image.Image, width: int) -> list[tuple[tuple[int, int, int], int]]:
    """Colour and length in pixels of each bar to the right of a picture of this width, from above."""
    right = np.asarray(drawn)[:, width:].astype(int)
    lengths = [[(right[y] == colour).all(-1).sum() for colour in (GREEN, RED, GREY)] for y in range(len(right))]
    found, above = [], None
    for row in lengths:
        # In a row of pixels without letters, all of the bar is there; letters hold no long stretch of these colours.
        bar = max(zip(row, (GREEN, RED, GREY)))
        here = bar if bar[0] else None
        if here and not above:
            found.append([here])
        elif here:
            found[-1].append(here)
        above = here
    return [(max(rows)[1], max(rows)[0]) for rows in found if len(rows) > 8]


@pytest.fixture
def texts(monkeypatch):
    """Record the texts beside the bars."""
    written = []
    monkeypatch.setattr(ImageDraw.ImageDraw, 'text', lambda self, xy, text, **_: written.append(text))
    return written


@pytest.mark.parametrize(('truth', 'colours'), [
    (None, [GREY] * 5), ([1], [GREEN] + [GREY] * 4), ([3], [RED, GREEN] + [GREY] * 3),
    ([6], [RED] + [GREY] * 2 + [GREEN, GREY]), ([1, 3], [GREEN, GREEN] + [GREY] * 3),
    ([3, 5], [GREY] + [GREEN] * 2 + [GREY] * 2), ([], [GREY] * 5)])
def test_colours_tell_right_from_wrong(texts, truth, colours):
    """The highest scores are those of bird, deer, frog, horse and cat; with several classes, the highest may be another."""
    drawn = with_scores(picture(150, 200), SCORES, CLASSES, truth)
    assert [colour for colour, _ in bars(drawn, 200)] == colours
    assert texts == ['50 % bird', '25 % deer', '15 % frog', '4 % horse', '3 % cat']


def test_bars_are_as_long_as_the_scores(texts):
    lengths = [length for _, length in bars(with_scores(picture(150, 200), SCORES, CLASSES), 200)]
    assert lengths == pytest.approx(90 * np.array([0.5, 0.25, 0.15, 0.04, 0.03]), abs=1.5)
    (whole, *rest) = (length for _, length in bars(with_scores(picture(150, 200), np.eye(7)[2], CLASSES), 200))
    assert whole == pytest.approx(90, abs=1.5) and all(1 <= length <= 2 for length in rest)


@pytest.mark.parametrize(('truth', 'below'), [([4], ['1 % dog']), ([0, 4], ['2 % airplane', '1 % dog']), ([1, 4], ['1 % dog'])])
def test_classes_of_the_picture_are_shown_even_if_not_among_the_highest(texts, truth, below):
    drawn = with_scores(picture(150, 200), SCORES, CLASSES, truth)
    assert texts[5:] == below
    assert [colour for colour, _ in bars(drawn, 200)][5:] == [GREEN] * len(below)


def test_equal_scores_are_in_the_order_of_the_classes(texts):
    with_scores(picture(150, 200), np.full(40, 0.02), [f'class {number}' for number in range(40)])
    assert texts == [f'2 % class {number}' for number in range(5)]


@pytest.mark.parametrize('score', [np.nan, 0, 1, 1.2])
def test_scores_of_a_broken_model_are_drawn_too(texts, score):
    drawn = with_scores(picture(150, 200), np.array([score, 0.5]), ('one', 'two'), [0])
    assert len(bars(drawn, 200)) == 2 and len(texts) == 2


@pytest.mark.parametrize('size', [(128, 128), (128, 200), (300, 129)])
def test_pictures_keep_their_pixels(size):
    image = picture(*size)
    before, drawn = image.copy(), np.asarray(with_scores(image, SCORES, CLASSES))
    np.testing.assert_array_equal(drawn[:size[0], :size[1]], image)
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize(('size', 'factor'), [((32, 32), 4), ((28, 28), 5), ((1, 1), 128), ((127, 400), 2), ((64, 200), 2)])
def test_tiny_pictures_are_enlarged_until_they_can_be_seen(size, factor):
    """By a whole number, to a shorter side of at least 128 pixels: halves of two colours stay halves."""
    image = np.zeros((*size, 3), np.uint8)
    image[:, :size[1] // 2] = (0, 0, 255)
    image[:, size[1] // 2:] = (255, 255, 0)
    height, width = size[0] * factor, size[1] * factor
    drawn = np.asarray(with_scores(image, SCORES, CLASSES))
    assert drawn.shape[0] >= height >= 128 and drawn.shape[1] > width
    middle = drawn[height // 2]
    if size[1] > 1:
        assert (middle[width // 8] == (0, 0, 255)).all()
    assert (middle[width - 1 - width // 8] == (255, 255, 0)).all()
    assert (drawn[:height, width:width + 6] == 255).all()  # white begins where the picture ends


@pytest.mark.parametrize('names', [('i', 'W' * 60), ('W' * 60, 'i'), ('gypsum', 'Größe')])
def test_nothing_is_cut_off(names):
    drawn = np.asarray(with_scores(picture(20, 20), np.array([0.9, 1.]), names, [0]).convert('L'))
    assert drawn[:, -2:].min() == 255
    for row in (drawn[:21], drawn[17:40]):
        assert row[:, 250:].min() < 100
