"""Draw label maps over images, with a legend of the classes: the pictures of segmentation."""
from collections.abc import Sequence

import numpy as np
from mmengine.structures import BaseDataElement
from PIL import Image, ImageDraw

from .fonts import pillow_font

_ROW = 17  # height of a legend row, in pixels
_MOST_ROWS = 24
_SHARE = 0.55  # weight of the class colour, 0 to 1


def label_array(data: BaseDataElement) -> np.ndarray:
    """Return a label map of a data sample as class indices, shape (H, W), int64.

    A segmentor with one output channel and a threshold predicts 0 and 1 as floating-point numbers.

    Args:
        data (BaseDataElement): mmengine's PixelData, whose `data` has the shape (1, H, W) or (H, W).
    """
    labels = data.data.cpu().numpy()
    return labels.reshape(labels.shape[-2:]).astype(np.int64)


def overlay(image: np.ndarray, labels: np.ndarray, classes: Sequence[str], palette: Sequence) -> Image.Image:
    """Colour an image by class and draw a legend to the right of the image.

    Args:
        image (np.ndarray): RGB image, shape (H, W, 3), values 0 to 255.
        labels (np.ndarray): Class indices from 0, shape (H, W). Pixels whose index is no class (e.g. 255) are not coloured.
        classes (Sequence[str]): Names of the classes.
        palette (Sequence): RGB colour of each class, values 0 to 255.

    Returns:
        Image.Image: The image in its original size with the legend. It is taller than H if the legend is.
    """
    coloured, names = blend(image, labels, palette), legend(labels, classes, palette)
    canvas = Image.new('RGB', (coloured.width + names.width, max(coloured.height, names.height)), 'white')
    canvas.paste(coloured)
    canvas.paste(names, (coloured.width, 0))
    return canvas


def blend(image: np.ndarray, labels: np.ndarray, palette: Sequence) -> Image.Image:
    """Blend an image with the colours of its classes.

    Args:
        image (np.ndarray): RGB image, shape (H, W, 3), values 0 to 255.
        labels (np.ndarray): Class indices from 0, shape (H, W). Pixels whose index is no class are not coloured.
        palette (Sequence): RGB colour of each class, values 0 to 255.

    Returns:
        Image.Image: The blended image, W x H pixels.
    """
    colours = np.asarray(palette, np.float32)
    known = labels < len(colours)
    coloured = image.astype(np.float32)
    coloured[known] += _SHARE * (colours[labels[known]] - coloured[known])
    return Image.fromarray(coloured.round().astype(np.uint8))


def legend(labels: np.ndarray, classes: Sequence[str], palette: Sequence, with_shares: bool = True) -> Image.Image:
    """Draw a legend of the classes in a label map, in descending order of their areas, with at most 24 classes.

    Args:
        labels (np.ndarray): Class indices from 0, any shape.
        classes (Sequence[str]): Names of the classes.
        palette (Sequence): RGB colour of each class, values 0 to 255.
        with_shares (bool): Write the area of each class in percent of the pixels. Defaults to True.

    Returns:
        Image.Image: The legend, as large as its rows need.
    """
    shares = np.bincount(labels[labels < len(classes)].ravel(), minlength=len(classes)) / labels.size
    present = [label for label in np.argsort(-shares, kind='stable') if shares[label] > 0]
    rows = [(tuple(palette[label]), f'{classes[label]} {100 * shares[label]:.1f} %' if with_shares else classes[label])
            for label in present[:_MOST_ROWS]]
    if len(present) > _MOST_ROWS:
        rows.append(('white', f'and {len(present) - _MOST_ROWS} more'))
    width = max((round(pillow_font(text, 12).getlength(text)) for _, text in rows), default=0) + 30
    drawn = Image.new('RGB', (width, _ROW * len(rows) + 4), 'white')
    pen = ImageDraw.Draw(drawn)
    for number, (colour, text) in enumerate(rows):
        top = 4 + number * _ROW
        pen.rectangle((6, top, 17, top + 11), fill=colour)
        pen.text((23, top - 1), text, fill='black', font=pillow_font(text, 12))
    return drawn
