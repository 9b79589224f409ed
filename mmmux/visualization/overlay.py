"""Label maps laid over their pictures, and legends for them."""
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

_ROW = 17  # pixels for each class in a legend
_MOST_ROWS = 24


def overlay(image: np.ndarray, labels: np.ndarray, classes: Sequence[str], palette: Sequence) -> Image.Image:
    """A picture coloured by class, in its own size, with a legend to its right, which may be taller.

    Args:
        image: (H, W, 3), RGB, 0 to 255.
        labels: (H, W), class numbers from 0; a number beyond the classes is not coloured.
        classes: names.
        palette: an RGB colour for each class.
    """
    coloured, names = blend(image, labels, palette), legend(labels, classes, palette)
    canvas = Image.new('RGB', (coloured.width + names.width, max(coloured.height, names.height)), 'white')
    canvas.paste(coloured)
    canvas.paste(names, (coloured.width, 0))
    return canvas


def blend(image: np.ndarray, labels: np.ndarray, palette: Sequence, alpha: float = 0.55) -> Image.Image:
    """The picture coloured by class; `alpha` is the share of the class's colour. Other arguments as in :func:`overlay`."""
    colours = np.asarray(palette, np.float32)
    known = labels < len(colours)
    coloured = image.astype(np.float32)
    coloured[known] += alpha * (colours[labels[known]] - coloured[known])
    return Image.fromarray(coloured.round().astype(np.uint8))


def legend(labels: np.ndarray, classes: Sequence[str], palette: Sequence, with_shares: bool = True) -> Image.Image:
    """The classes in label maps, the largest first, with their shares of the pixels. Arguments as in :func:`overlay`."""
    shares = np.bincount(labels[labels < len(classes)].ravel(), minlength=len(classes)) / labels.size
    present = [label for label in np.argsort(-shares, kind='stable') if shares[label] > 0]
    rows = [(tuple(palette[label]), f'{classes[label]} {100 * shares[label]:.1f} %' if with_shares else classes[label])
            for label in present[:_MOST_ROWS]]
    if len(present) > _MOST_ROWS:
        rows.append(('white', f'and {len(present) - _MOST_ROWS} more'))
    font = ImageFont.load_default(12)
    width = max((round(font.getlength(text)) for _, text in rows), default=0) + 30
    drawn = Image.new('RGB', (width, _ROW * len(rows) + 4), 'white')
    pen = ImageDraw.Draw(drawn)
    for number, (colour, text) in enumerate(rows):
        top = 4 + number * _ROW
        pen.rectangle((6, top, 17, top + 11), fill=colour)
        pen.text((23, top - 1), text, fill='black', font=font)
    return drawn
