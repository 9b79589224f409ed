"""Draw boxes with their classes on an image, as mmdet's visualizer does, a hundred times as fast."""
import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from .fonts import pillow_font

_LINE = 3  # width of a box's sides, in pixels
_OPACITY = 204  # of the lines and of the ground of a text: 0.8, as mmdet has it
_GROUND, _LETTERS = (0, 0, 0), (200, 200, 200)
_LARGE, _SMALL = 18, 8  # heights of a text, in pixels
_LARGE_AREA = 30000  # of a box with a large text, in square pixels


def with_boxes(image: np.ndarray, boxes: np.ndarray, texts: Sequence[str], colours: Sequence[Sequence[int]]) -> Image.Image:
    """Draw boxes on an image, each with a text in its upper left corner.

    Args:
        image (np.ndarray): RGB image, shape (H, W, 3), values 0 to 255.
        boxes (np.ndarray): Corners x1, y1, x2, y2 in pixels, shape (N, 4).
        texts (Sequence[str]): Text of each box.
        colours (Sequence[Sequence[int]]): RGB colour of each box, values 0 to 255.

    Returns:
        Image.Image: The drawn image, W x H pixels.
    """
    drawn = Image.fromarray(image)
    pen = ImageDraw.Draw(drawn, 'RGBA')
    boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    known = [number for number, box in enumerate(boxes) if np.isfinite(box).all()]  # a diverged model has others
    boxes = np.nan_to_num(boxes).clip(-_LINE, max(drawn.size) + _LINE).tolist()
    for number in known:
        (x1, y1, x2, y2), half = boxes[number], _LINE / 2  # the sides lie on the middle of their lines
        pen.rectangle((x1 - half, y1 - half, max(x1, x2) + half, max(y1, y2) + half), outline=(*colours[number], _OPACITY),
                      width=_LINE)
    for number in known:
        text, height = texts[number], _LARGE if areas[number] >= _LARGE_AREA else _SMALL
        font = _font(height) if text.isascii() else pillow_font(text, height)
        place = boxes[number][0] + _LINE, boxes[number][1] + _LINE
        pen.rectangle(pen.textbbox(place, text, font, anchor='lt'), fill=(*_GROUND, _OPACITY))
        pen.text(place, text, _LETTERS, font, anchor='lt')
    return drawn


@functools.cache
def _font(height: int) -> ImageFont.FreeTypeFont:
    import matplotlib  # its font, which is that of mmdet's drawings, has more letters than Pillow's own
    return ImageFont.truetype(Path(matplotlib.get_data_path()) / 'fonts/ttf/DejaVuSans.ttf', height)
