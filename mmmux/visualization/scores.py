"""Draw the scores of a classifier beside an image."""
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from .fonts import pillow_font

_MOST_SHOWN = 5
_ROW = 17  # height of a row, in pixels
_SHORTEST_SIDE = 128  # smaller images are enlarged to this side, in pixels
_BAR = 90  # length of the bar of score 1, in pixels
_RIGHT, _WRONG, _OTHER = (0, 158, 115), (213, 94, 0), (150, 150, 150)


def with_scores(
    image: np.ndarray, scores: np.ndarray, classes: Sequence[str], truth: Sequence[int] | None = None
) -> Image.Image:
    """Draw the five highest scores as bars to the right of an image; images with a side below 128 pixels are enlarged.

    Bars of the true classes are green. If the image has one true class, a wrong highest bar is red. True classes that are not
    among the highest scores are added below them.

    Args:
        image (np.ndarray): RGB image, shape (H, W, 3), values 0 to 255.
        scores (np.ndarray): Scores, shape (C, ), values 0 to 1.
        classes (Sequence[str]): Names of the C classes.
        truth (Sequence[int] | None): Indices of the true classes. None if they are unknown. Defaults to None.

    Returns:
        Image.Image: The image with the bars.
    """
    picture = Image.fromarray(image)
    factor = -(-_SHORTEST_SIDE // min(picture.size)) if min(picture.size) < _SHORTEST_SIDE else 1
    picture = picture.resize((picture.width * factor, picture.height * factor), Image.Resampling.BICUBIC)
    highest = np.argsort(-scores, kind='stable')[:_MOST_SHOWN]
    shown = [*highest, *(label for label in truth or () if label not in highest)]
    texts = {label: f'{100 * float(scores[label]):.0f} % {classes[label]}' for label in shown}
    names = max(pillow_font(classes[label], 12).getlength(classes[label]) for label in shown)
    room = max(names + 60, *(pillow_font(text, 12).getlength(text) + 20 for text in texts.values()))
    canvas = Image.new('RGB', (picture.width + _BAR + round(room), max(picture.height, _ROW * len(shown) + 8)), 'white')
    canvas.paste(picture)
    pen = ImageDraw.Draw(canvas)
    for number, label in enumerate(shown):
        left, top, score = picture.width + 8, 4 + number * _ROW, float(scores[label])
        wrong = number == 0 and truth is not None and len(truth) == 1  # with several labels per image, labels may be missing
        colour = _RIGHT if label in (truth or ()) else _WRONG if wrong else _OTHER
        length = max(1, round(_BAR * np.nan_to_num(score)))  # a diverged model scores NaN
        pen.rectangle((left, top + 1, left + length, top + 12), fill=colour)
        pen.text((left + _BAR + 6, top - 1), texts[label], fill='black', font=pillow_font(texts[label], 12))
    return canvas
