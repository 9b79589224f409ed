"""Draw a small detection data set in PASCAL VOC layout, for the demo and the tests; no download is needed."""
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from .complete_folder import is_complete, mark_complete

CLASSES = ('circle', 'square', 'triangle', 'cross')
SUPERSAMPLING = 3


def draw_data_set(root: str | Path, train: int, test: int, size: int = 160, seed: int = 0) -> Path:
    """Draw scenes and write them as `VOC2007/{JPEGImages,Annotations,ImageSets/Main}`.

    Equal arguments give equal files. A folder that is complete already is not changed.

    Args:
        root (str or Path): folder to write `VOC2007` into.
        train (int): number of images in `trainval.txt`.
        test (int): number of images in `test.txt`.
        size (int): width and height of every image in pixels. Default: 160.
        seed (int): seed of the random numbers. Default: 0.

    Returns:
        Path: `root`.
    """
    root = Path(root)
    voc = root / 'VOC2007'
    splits = {'trainval': [f'{index:06d}' for index in range(train)],
              'test': [f'{index:06d}' for index in range(train, train + test)]}
    lists = {name: '\n'.join(names) + '\n' for name, names in splits.items()}
    arguments = f'train={train} test={test} size={size} seed={seed}\n'
    if is_complete(voc, arguments):
        return root
    for folder in ('JPEGImages', 'Annotations', 'ImageSets/Main'):
        (voc / folder).mkdir(parents=True, exist_ok=True)
    for name in (name for names in splits.values() for name in names):
        scene, boxes = draw_scene(np.random.default_rng([seed, int(name)]), size)
        scene.save(voc / 'JPEGImages' / f'{name}.jpg', quality=92)
        _write_annotation(voc / 'Annotations' / f'{name}.xml', name, size, boxes)
    for name, text in lists.items():
        (voc / 'ImageSets/Main' / f'{name}.txt').write_text(text)
    mark_complete(voc, arguments)
    return root


def draw_scene(rng: np.random.Generator, size: int) -> tuple[Image.Image, list[tuple[str, tuple[int, int, int, int]]]]:
    """Draw one to five shapes on an uneven background, with random rotations and colours; shapes may overlap slightly.

    Args:
        rng (np.random.Generator): source of the random numbers.
        size (int): width and height in pixels.

    Returns:
        tuple[Image, list]: the RGB image of size x size pixels, and for each shape its class and its box (x1, y1, x2, y2) in
        pixels counted from 0.
    """
    big = size * SUPERSAMPLING
    ground = rng.integers(30, 226, (4, 4, 3), dtype=np.uint8)
    canvas = Image.fromarray(ground).resize((big, big), Image.Resampling.BICUBIC)
    boxes, taken = [], np.zeros((big, big), bool)
    for _ in range(int(rng.integers(1, 6))):
        name = str(rng.choice(CLASSES))
        mask = shape_mask(name, rng, big)
        drawn = np.asarray(mask)
        if (drawn & taken).sum() > 0.15 * drawn.sum():
            continue
        taken |= drawn
        under = np.asarray(canvas)[drawn].mean(0)
        canvas.paste(distinct_colour(rng, under), mask=mask)
        rows, columns = np.where(drawn.any(1))[0], np.where(drawn.any(0))[0]
        corners = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]) / SUPERSAMPLING
        boxes.append((name, tuple(round(float(corner)) for corner in corners)))
    scene = canvas.resize((size, size), Image.Resampling.BOX).filter(ImageFilter.GaussianBlur(float(rng.uniform(0, 0.8))))
    noisy = np.asarray(scene, np.float32) + rng.normal(0, 6, (size, size, 3))
    return Image.fromarray(noisy.clip(0, 255).astype(np.uint8)), boxes


def shape_mask(name: str, rng: np.random.Generator, canvas: int) -> Image.Image:
    """Draw a shape with random position, size and rotation as a mask.

    Args:
        name (str): 'circle', 'square', 'triangle' or 'cross'.
        rng (np.random.Generator): source of the random numbers.
        canvas (int): width and height of the mask in pixels.

    Returns:
        Image: a 1-bit image of canvas x canvas pixels, 1 inside the shape.
    """
    radius = float(rng.uniform(0.08, 0.2)) * canvas
    x, y = rng.uniform(radius, canvas - radius, 2)
    mask = Image.new('1', (canvas, canvas))
    pen = ImageDraw.Draw(mask)
    if name == 'circle':
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=1)
        return mask
    turned = float(rng.uniform(0, 2 * np.pi))
    if name == 'cross':
        arm = [(1, .3), (.3, .3), (.3, 1), (-.3, 1), (-.3, .3), (-1, .3), (-1, -.3), (-.3, -.3), (-.3, -1), (.3, -1),
               (.3, -.3), (1, -.3)]
        points = np.array(arm) * radius
    else:
        corners = {'triangle': 3, 'square': 4}[name]
        angles = 2 * np.pi * np.arange(corners) / corners
        points = np.stack([np.cos(angles), np.sin(angles)], 1) * radius
    cos, sin = np.cos(turned), np.sin(turned)
    points = points @ np.array([[cos, sin], [-sin, cos]]) + (x, y)
    pen.polygon([tuple(point) for point in points], fill=1)
    return mask


def distinct_colour(rng: np.random.Generator, under: np.ndarray) -> tuple[int, int, int]:
    """Return a random RGB colour that differs from the background colour `under` by more than 150, summed over the channels."""
    while True:
        colour = rng.integers(0, 256, 3)
        if np.abs(colour - under).sum() > 150:
            return tuple(int(value) for value in colour)


def _write_annotation(path: Path, name: str, size: int, boxes: list) -> None:
    root = ET.Element('annotation')
    ET.SubElement(root, 'filename').text = f'{name}.jpg'
    shape = ET.SubElement(root, 'size')
    for key, value in (('width', size), ('height', size), ('depth', 3)):
        ET.SubElement(shape, key).text = str(value)
    for cls, corners in boxes:
        element = ET.SubElement(root, 'object')
        ET.SubElement(element, 'name').text = cls
        ET.SubElement(element, 'difficult').text = '0'
        box = ET.SubElement(element, 'bndbox')
        for side, corner in zip(('xmin', 'ymin', 'xmax', 'ymax'), corners):
            ET.SubElement(box, side).text = str(corner + 1)  # VOC counts pixels from 1
    ET.indent(root)
    ET.ElementTree(root).write(path)
