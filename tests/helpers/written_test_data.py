"""Write the test data of a config: pictures in the layout of its data set that are neither square nor gray."""
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from dataset_folders import VOCFolder
from nih_files import NIHFiles
from PIL import Image

SIZE = (97, 70)  # width, height


def coloured(seed: int, size: tuple[int, int] = SIZE) -> Image.Image:
    """Draw smooth noise, whose red is brighter than its green, and that than its blue."""
    small = np.random.default_rng(seed).integers(0, 256, (6, 8, 3)) * [1., .7, .4]
    return Image.fromarray(small.astype(np.uint8)).resize(size, Image.Resampling.BICUBIC)


def write_test_data(dataset: Mapping, classes: tuple[str, ...], root: Path) -> list[Path]:
    """Write the data, which has `root` as its `data_root`, and return the picture files in the order of the data set.

    Args:
        dataset: config of a data set; those of CIFAR's batches are written by :mod:`cifar_files`.
        classes: names of the classes.
        root: folder to write into.
    """
    return _WRITERS[dataset['type']](dataset, classes, root)


def _voc(dataset: Mapping, classes: tuple[str, ...], root: Path) -> list[Path]:
    folder, names = VOCFolder(root), ('first', 'second')
    for number, name in enumerate(names):
        folder.add(name, (classes[number], 11, 11, 51, 61), size=SIZE)
        coloured(number).save(folder.picture(name), quality=95)
    (root / dataset['ann_file']).write_text('\n'.join(names))
    return [folder.picture(name) for name in names]


def _coco(dataset: Mapping, classes: tuple[str, ...], root: Path) -> list[Path]:
    folder = root / dataset['data_prefix']['img']
    paths = _save_all(folder, ('first.png', 'second.png'))
    ids = [number + 1 for number in range(len(classes))]
    (root / dataset['ann_file']).parent.mkdir(parents=True)
    (root / dataset['ann_file']).write_text(json.dumps(dict(
        images=[dict(id=number, file_name=path.name, width=SIZE[0], height=SIZE[1]) for number, path in enumerate(paths)],
        categories=[dict(id=number, name=name) for number, name in zip(ids, classes)],
        annotations=[dict(id=number, image_id=number, category_id=ids[number], bbox=[10, 10, 40, 50], area=2000, iscrowd=0)
                     for number in range(len(paths))])))
    return paths


def _label_maps(dataset: Mapping, classes: tuple[str, ...], root: Path) -> list[Path]:
    cityscapes = dataset['type'] == 'mmmux.CityscapesDataset'
    suffixes = ('_leftImg8bit.png', '_gtFine_labelTrainIds.png') if cityscapes else ('.jpg', '.png')
    paths = _save_all(root / dataset['data_prefix']['img_path'], [f'{name}{suffixes[0]}' for name in ('first', 'second')])
    labels = np.random.default_rng(0).integers(0, len(classes), SIZE[::-1], dtype=np.uint8)
    for path in paths:
        label_map = root / dataset['data_prefix']['seg_map_path'] / path.name.replace(*suffixes)
        label_map.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(labels).save(label_map)
    return paths


def _folders(dataset: Mapping, classes: tuple[str, ...], root: Path) -> list[Path]:
    return [path for number, name in enumerate(classes)
            for path in _save_all(root / dataset['data_prefix'] / name, [f'{number}.png'], number)]


def _imagenet(dataset: Mapping, classes: tuple[str, ...], root: Path) -> list[Path]:
    paths = _save_all(root / dataset['split'], ('first.png', 'second.png'))
    (root / 'meta').mkdir()
    (root / f"meta/{dataset['split']}.txt").write_text('first.png 0\nsecond.png 1\n')
    return paths


def _chests(dataset: Mapping, classes: tuple[str, ...], root: Path) -> list[Path]:
    files = NIHFiles(root)
    files.add('train_val', '1')
    return [files.add('test', str(number + 2), labels, picture=coloured(number))
            for number, labels in enumerate((classes[0], 'No Finding'))]


def _save_all(folder: Path, names, seed: int = 0) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / name for name in names]
    for number, path in enumerate(paths):
        coloured(seed + number).save(path)
    return paths


_WRITERS = {
    'mmmux.VOCDataset': _voc, 'mmmux.CocoDataset': _coco, 'mmmux.ADE20KDataset': _label_maps,
    'mmmux.CityscapesDataset': _label_maps, 'mmmux.SegDataset': _label_maps, 'mmmux.ImageFolder': _folders,
    'mmmux.ImageNet': _imagenet, 'mmmux.ChestXray14': _chests,
}
