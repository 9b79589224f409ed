"""Draw a small segmentation data set in ADE20K's layout, for the demo and the tests; no download is needed."""
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from .complete_folder import is_complete, mark_complete
from .drawn_shapes import CLASSES as SHAPES
from .drawn_shapes import SUPERSAMPLING, shape_mask

CLASSES = ('sky', 'ground', *SHAPES)
PALETTE = ((120, 190, 240), (150, 120, 90), (230, 60, 60), (60, 120, 230), (250, 190, 40), (80, 190, 90))
_UNLABELLED = 0
_HORIZON = 0.02  # height of the unlabelled band on either side of the horizon, as a share of the image's height


def draw_data_set(root: str | Path, train: int, val: int, size: int = 160, seed: int = 0) -> Path:
    """Draw scenes and write them as `images/{training,validation}/*.jpg` and `annotations/{training,validation}/*.png`.

    Label maps are numbered as in ADE20K: 0 is unlabelled, 1 is the first class. Equal arguments give equal files. A folder that
    is complete already is not changed.

    Args:
        root (str or Path): folder to write `images` and `annotations` into.
        train (int): number of training images.
        val (int): number of validation images.
        size (int): width and height of every image in pixels. Default: 160.
        seed (int): seed of the random numbers. Default: 0.

    Returns:
        Path: `root`.
    """
    root = Path(root)
    arguments = f'train={train} val={val} size={size} seed={seed}\n'
    if is_complete(root, arguments):
        return root
    for split, numbers in (('training', range(train)), ('validation', range(train, train + val))):
        pictures, labels = root / 'images' / split, root / 'annotations' / split
        for folder, suffix in ((pictures, 'jpg'), (labels, 'png')):
            folder.mkdir(parents=True, exist_ok=True)
            for old in folder.glob(f'*.{suffix}'):  # a data set reads every file in the folder, also those of earlier calls
                old.unlink()
        for number in numbers:
            scene, label_map = draw_scene(np.random.default_rng([seed, number]), size)
            scene.save(pictures / f'{number:06d}.jpg', quality=92)
            label_map.save(labels / f'{number:06d}.png')
    mark_complete(root, arguments)
    return root


def draw_scene(rng: np.random.Generator, size: int) -> tuple[Image.Image, Image.Image]:
    """Draw a smooth sky, a grainy ground, and one to five shapes on them.

    Sky and ground have random dull colours. A shape has its class's colour with some noise: a network learns the classes within
    minutes, before it has learned to recognise shapes.

    Args:
        rng (np.random.Generator): source of the random numbers.
        size (int): width and height in pixels.

    Returns:
        tuple[Image, Image]: the RGB image and its label map (8 bits), both of size x size pixels.
    """
    big = size * SUPERSAMPLING
    rows, columns = np.mgrid[:big, :big] / big
    horizon = rng.uniform(0.35, 0.65) + rng.uniform(-0.15, 0.15) * (columns - 0.5)
    horizon = horizon + rng.uniform(0, 0.04) * np.sin(columns * rng.uniform(5, 20))
    ground = rows > horizon
    labels = np.where(ground, CLASSES.index('ground') + 1, CLASSES.index('sky') + 1).astype(np.uint8)
    labels[np.abs(rows - horizon) < _HORIZON] = _UNLABELLED

    sky, earth = rng.uniform(70, 190, (2, 1)) + rng.uniform(-25, 25, (2, 3))
    grain = rng.normal(0, 25, (size // 2, size // 2, 1)).repeat(2 * SUPERSAMPLING + 1, 0).repeat(2 * SUPERSAMPLING + 1, 1)
    canvas = np.where(ground[..., None], earth + grain[:big, :big], sky + 40 * (rows - 0.5)[..., None])
    for _ in range(int(rng.integers(1, 6))):
        name = str(rng.choice(SHAPES))
        mask = np.asarray(shape_mask(name, rng, big))
        canvas[mask] = PALETTE[CLASSES.index(name)] + rng.normal(0, 25, 3)
        labels[mask] = CLASSES.index(name) + 1

    scene = Image.fromarray(canvas.clip(0, 255).astype(np.uint8)).resize((size, size), Image.Resampling.BOX)
    scene = np.asarray(scene.filter(ImageFilter.GaussianBlur(float(rng.uniform(0, 0.8)))), np.float32)
    noisy = (scene + rng.normal(0, 6, scene.shape)).clip(0, 255).astype(np.uint8)
    centre = SUPERSAMPLING // 2
    return Image.fromarray(noisy), Image.fromarray(labels[centre::SUPERSAMPLING, centre::SUPERSAMPLING])
