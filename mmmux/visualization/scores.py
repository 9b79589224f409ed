"""Pictures with the classes that a classifier sees in them."""
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

_ROW = 17  # pixels for each class
_SHORTEST_SIDE = 128
_BAR = 90
_RIGHT, _WRONG, _OTHER = (0, 158, 115), (213, 94, 0), (150, 150, 150)


def with_scores(image: np.ndarray, scores: np.ndarray, classes: Sequence[str], truth: Sequence[int] | None = None,
                rows: int = 5) -> Image.Image:
    """A picture, enlarged where it is tiny, with the highest scores as bars to its right.

    Bars of the picture's own classes are green; where it has one class, a wrong highest bar is red. A class of the picture
    that is not among the highest is written below them.

    Args:
        image: (H, W, 3), RGB, 0 to 255.
        scores: (C, ), 0 to 1.
        classes: their names.
        truth: the numbers of the classes that the picture has; None where that is not known.
        rows: how many scores are shown.
    """
    picture = Image.fromarray(image)
    factor = -(-_SHORTEST_SIDE // min(picture.size)) if min(picture.size) < _SHORTEST_SIDE else 1
    picture = picture.resize((picture.width * factor, picture.height * factor), Image.Resampling.BICUBIC)
    highest = np.argsort(-scores, kind='stable')[:rows]
    shown = [*highest, *(label for label in truth or () if label not in highest)]
    font = ImageFont.load_default(12)
    names = max(font.getlength(classes[label]) for label in shown)
    canvas = Image.new('RGB', (picture.width + _BAR + round(names) + 60, max(picture.height, _ROW * len(shown) + 8)), 'white')
    canvas.paste(picture)
    pen = ImageDraw.Draw(canvas)
    for number, label in enumerate(shown):
        left, top, score = picture.width + 8, 4 + number * _ROW, float(scores[label])
        wrong = number == 0 and truth is not None and len(truth) == 1  # where a picture may have several, none is wrong
        colour = _RIGHT if label in (truth or ()) else _WRONG if wrong else _OTHER
        length = max(1, round(_BAR * np.nan_to_num(score)))  # a diverged model scores NaN
        pen.rectangle((left, top + 1, left + length, top + 12), fill=colour)
        pen.text((left + _BAR + 6, top - 1), f'{100 * score:.0f} % {classes[label]}', fill='black', font=font)
    return canvas
