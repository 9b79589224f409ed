"""Convert an export of a labelling tool to COCO annotation files, one a split, that name the pictures where they are."""
import shutil
import zipfile
import zlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mmmux.datasets.image_checks import picture_size
from mmmux.utils.atomic_write import write_text
from mmmux.utils.errors import DatasetError, in_a_line
from mmmux.utils.valid_json import dumps

from .coco import WRITTEN_HERE, coco_files, read_coco, written_here
from .labelled import Export, Labelled
from .tree import ALL, Tree
from .yolo import class_file, read_yolo

SPLITS = ('train', 'val', 'test')


@dataclass(frozen=True)
class Conversion:
    """The pictures and boxes of an export, and the files that were written.

    Attributes:
        root: folder of the pictures, `data_root` of a config.
        format: of the export, in words.
        classes: class names, in the order of their numbers.
        files: names of the annotation files in `root`, by split.
        boxes: number of boxes by split and class.
        pictures: number of pictures by split.
        empty: number of pictures without boxes by split.
        left_out: what could not be used, in words, with its number.
        set_aside: number of training pictures that became the validation data, which the export lacks.
    """
    root: Path
    format: str
    classes: tuple[str, ...]
    files: dict[str, str]
    boxes: dict[str, Counter]
    pictures: dict[str, int]
    empty: dict[str, int]
    left_out: Counter
    set_aside: int

    def text(self) -> str:
        """Return the numbers of pictures and boxes, and the lines for a config."""
        lines = [f'found: {self.format}, {len(self.classes)} classes']
        for split, name in self.files.items():
            boxes = ', '.join(f'{self.boxes[split][cls]} {cls}' for cls in self.classes)
            lines.append(f'{split}: {self.pictures[split]} pictures, {self.empty[split]} of them without boxes; boxes: {boxes} '
                         f'-> {self.root / name}')
        if self.set_aside:
            lines.append(f'the export has no validation data: {self.set_aside} pictures were set aside, the same every time')
        lines += [f'left out: {number} {what}' for what, number in self.left_out.items()]
        names = [self.files.get(split) for split in SPLITS]
        named = [name or names[1] or names[0] for name in names]
        return '\n'.join([*lines, 'for a config such as configs/ssdlite/ssdlite_muxnet-m_1xb16_custom.py:',
                          f'data_root = {str(self.root) + "/"!r}', f'classes = {self.classes!r}', "annotations = 'coco'",
                          f'train, val, test = {", ".join(map(repr, named))}'])


def convert(source: Path, out: Path | None = None, val_fraction: float = 0.2) -> Conversion:
    """Read an export in COCO or YOLO format, and write `train.json`, `val.json` and `test.json` in COCO format.

    Args:
        source (Path): Folder or zip file of the export.
        out (Path | None): Folder to unpack a zip file into; that of a folder's annotation files is the folder itself. Defaults
            to None, which means the zip file's name without suffix.
        val_fraction (float): Share of the training pictures that become the validation data of an export without any. Defaults
            to 0.2.

    Returns:
        Conversion: The numbers of pictures and boxes, and the files.

    Raises:
        ConfigError: supervision is not installed.
        DatasetError: The export cannot be read, or has another format.
    """
    if not 0 <= val_fraction < 1:
        raise DatasetError(f'--val-fraction {val_fraction} must be 0 or more and less than 1: 0.2 sets a fifth aside')
    root = _unpacked(source, out)
    export = _read(root)
    set_aside = _complete(export.splits, val_fraction)
    kept = {split: _sized(root, export.splits[split], export) for split in SPLITS if split in export.splits}
    kept = {split: pictures for split, pictures in kept.items() if pictures}
    if not kept:
        raise DatasetError(f'{source} has no picture that can be used: left out '
                           f'{", ".join(f"{number} {what}" for what, number in export.left_out.items())}')
    for path in [root / f'{split}.json' for split in kept]:
        if path.exists() and not written_here(path):
            raise DatasetError(f'{path} is in the export and would be overwritten: if it is an annotation file in COCO format, '
                               "a config reads it as it is (annotations = 'coco'), else move it")
    for split, pictures in kept.items():
        write_text(root / f'{split}.json', dumps(_as_coco(export.classes, pictures), ensure_ascii=False))
    numbers = {split: np.concatenate([picture.labels for picture, _ in pictures]) for split, pictures in kept.items()}
    return Conversion(
        root, export.format, export.classes, {split: f'{split}.json' for split in kept},
        {split: Counter(export.classes[number] for number in numbers[split]) for split in kept},
        {split: len(pictures) for split, pictures in kept.items()},
        {split: sum(not len(picture.labels) for picture, _ in pictures) for split, pictures in kept.items()},
        export.left_out, set_aside)


def _unpacked(source: Path, out: Path | None) -> Path:
    if source.is_dir():
        if out is not None and out.resolve() != source.resolve():
            raise DatasetError(f'{source} is a folder, whose annotation files are written into it: leave out --out {out}')
        return source
    if not source.is_file() or not zipfile.is_zipfile(source):
        raise DatasetError(f'{source} is neither a folder nor a zip file: give the export of a labelling tool')
    root = out or source.with_suffix('')
    root.mkdir(parents=True, exist_ok=True)
    try:
        with zipfile.ZipFile(source) as archive:
            needed, free = sum(entry.file_size for entry in archive.infolist()), shutil.disk_usage(root).free
            if needed > free:
                raise DatasetError(f'{source} unpacks to {needed / 1e9:.1f} GB, and {root} has {free / 1e9:.1f} GB free: '
                                   'delete files, or name another folder with --out')
            archive.extractall(root)  # keeps to the folder, also with names such as ../a
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, zlib.error) as error:
        raise DatasetError(f'{source} cannot be unpacked: {in_a_line(str(error)) or type(error).__name__}') from None
    return root


def _read(root: Path) -> Export:
    tree = Tree(root)
    if not tree.pictures:
        raise DatasetError(f'{root} holds no pictures: export with the pictures, or put them beside the annotations')
    files = coco_files(tree)
    if files:
        return read_coco(tree, files)
    names = class_file(tree)
    if names:
        return read_yolo(tree, names)
    if tree.files('.xml'):
        raise DatasetError(f"{root} has VOC's annotations ({tree.files('.xml')[0]}), which a config reads as they are: set "
                           "annotations = 'voc' there, or export as COCO or YOLO")
    raise DatasetError(f'{root} has neither COCO annotation files (*.json) nor class names of YOLO text files (data.yaml, '
                       'classes.txt, obj.names): export as COCO or YOLO')


def _complete(splits: dict[str, list[Labelled]], val_fraction: float) -> int:
    """Make unsplit pictures training data, and set some aside if there is no validation data; return their number."""
    if ALL in splits:
        splits.setdefault('train', []).extend(splits.pop(ALL))
    train = splits.get('train', [])
    number = 0
    if 'val' not in splits and len(train) > 1 and val_fraction:
        number = min(max(1, round(val_fraction * len(train))), len(train) - 1)
        # By name: the same pictures every time, wherever the export lies.
        chosen = sorted(train, key=lambda picture: (zlib.crc32(picture.path.as_posix().encode()), picture.path))[:number]
        names = {picture.path for picture in chosen}
        splits['val'] = [picture for picture in train if picture.path in names]
        splits['train'] = [picture for picture in train if picture.path not in names]
    return number


def _sized(root: Path, pictures: list[Labelled], export: Export) -> list[tuple[Labelled, tuple[int, int]]]:
    kept = []
    for picture in pictures:
        try:
            kept.append((picture, picture_size(root / picture.path)))
        except DatasetError as error:
            export.left_out[f'pictures, each of which {error}, first {picture.path}'] += 1
    return kept


def _as_coco(classes: tuple[str, ...], pictures: list[tuple[Labelled, tuple[int, int]]]) -> dict:
    images, annotations = [], []
    for number, (picture, (width, height)) in enumerate(pictures, 1):
        images.append(dict(id=number, file_name=picture.path.as_posix(), width=width, height=height))
        for (x1, y1, x2, y2), label, crowd in zip(picture.boxes.tolist(), picture.labels.tolist(), picture.crowd.tolist()):
            box = [round(value, 3) for value in (x1, y1, x2 - x1, y2 - y1)]
            annotations.append(dict(id=len(annotations) + 1, image_id=number, category_id=label + 1, bbox=box,
                                    area=round(box[2] * box[3], 3), iscrowd=int(crowd)))
    categories = [dict(id=number, name=name, supercategory='') for number, name in enumerate(classes, 1)]
    return dict(info=dict(description=WRITTEN_HERE), images=images, annotations=annotations, categories=categories)
