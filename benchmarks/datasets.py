#!/usr/bin/env python
"""Measure the time and memory of loading detection data sets, compared with mmdet's data sets.

The script generates data sets in VOC and COCO layout, of the size of VOC07+12's trainval and COCO's train2017. Each loading
runs in its own process, after the imports; mmdet's and mmmux's readers alternate, with the files in the page cache. The result
has the median over the rounds, and the median of each round's ratio. Memory is the peak of the resident set during the loading
minus the resident set before it (Linux only). A data set that is skipped keeps its rows of an earlier run.
"""
import argparse
import gc
import json
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from io import BytesIO
from multiprocessing import get_context
from pathlib import Path
from statistics import median

import numpy as np
from PIL import Image

from mmmux.datasets.complete_folder import is_complete, mark_complete
from mmmux.utils.atomic_write import write_json
from mmmux.utils.machine import describe_machine

ROOT = Path(__file__).resolve().parents[1]
MEASURES = ('seconds', 'cpu_seconds', 'mib')
READERS = {'mmdet': 'mmdet', 'mmmux': 'mmmux'}  # name in the result: registry scope
# (width, height) of real images in pixels, the most frequent first.
SIZES = ((500, 375), (375, 500), (500, 333), (334, 500), (500, 400), (640, 480))
VOC_OBJECT = """\t<object>
\t\t<name>{name}</name>
\t\t<pose>Unspecified</pose>
\t\t<truncated>0</truncated>
\t\t<difficult>{difficult}</difficult>
\t\t<bndbox>
\t\t\t<xmin>{box[0]}</xmin>
\t\t\t<ymin>{box[1]}</ymin>
\t\t\t<xmax>{box[2]}</xmax>
\t\t\t<ymax>{box[3]}</ymax>
\t\t</bndbox>
\t</object>
"""
VOC_ANNOTATION = """<annotation>
\t<folder>VOC2007</folder>
\t<filename>{name}.jpg</filename>
\t<source>
\t\t<database>The VOC2007 Database</database>
\t\t<annotation>PASCAL VOC2007</annotation>
\t\t<image>flickr</image>
\t\t<flickrid>{number}</flickrid>
\t</source>
\t<owner>
\t\t<flickrid>nobody</flickrid>
\t\t<name>?</name>
\t</owner>
\t<size>
\t\t<width>{size[0]}</width>
\t\t<height>{size[1]}</height>
\t\t<depth>3</depth>
\t</size>
\t<segmented>0</segmented>
{objects}</annotation>
"""


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, pictures, boxes, rounds in (('voc', 16_551, 40_058, 5), ('coco', 118_287, 860_001, 3)):
        parser.add_argument(f'--{name}-pictures', type=int, default=pictures,
                            help=f'number of pictures of the {name.upper()} data set; 0 skips it (default: %(default)s)')
        parser.add_argument(f'--{name}-boxes', type=int, default=boxes,
                            help=f'number of boxes of the {name.upper()} data set (default: %(default)s)')
        parser.add_argument(f'--{name}-rounds', type=int, default=rounds,
                            help=f'number of measurements of the {name.upper()} data set (default: %(default)s)')
    parser.add_argument('--polygon', type=int, default=8,
                        help="number of points of a COCO object's outline (default: %(default)s)")
    parser.add_argument('--data', type=Path, default=ROOT / 'work_dirs/benchmark_datasets',
                        help='folder for the generated data sets, which later runs use again (default: %(default)s)')
    parser.add_argument('--out', type=Path, default=ROOT / 'benchmarks/results/datasets.json',
                        help='JSON file to write (default: %(default)s)')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    rows = {}
    if args.voc_pictures:
        folder = generated(draw_voc, args.data / 'voc', args.voc_pictures, args.voc_boxes)
        rows['VOC'] = dict(**describe_machine(), pictures=args.voc_pictures, boxes=args.voc_boxes,
                           **compared(partial(voc_config, folder), folder, args.voc_rounds))
    if args.coco_pictures:
        folder = generated(draw_coco, args.data / 'coco', args.coco_pictures, args.coco_boxes, args.polygon)
        rows['COCO'] = dict(**describe_machine(), pictures=args.coco_pictures, boxes=args.coco_boxes, polygon=args.polygon,
                            **compared(partial(coco_config, folder), folder, args.coco_rounds))
    earlier = json.loads(args.out.read_text()) if args.out.exists() else {}
    write_json(args.out, {**earlier, **rows})
    print(f'written: {args.out}')


def generated(draw: Callable, folder: Path, *arguments: int) -> Path:
    """Return the folder of a data set; generate the data set unless the folder is complete.

    Args:
        draw: function that writes the data set, called with `folder` and `arguments`.
        folder: the folder.
        *arguments: numbers of images, boxes and so on; other numbers generate the data set again.
    """
    said = f'{draw.__name__} {" ".join(map(str, arguments))}'
    if not is_complete(folder, said):
        draw(folder, *arguments)
        mark_complete(folder, said)
    return folder


def draw_voc(folder: Path, pictures: int, boxes: int) -> None:
    """Write a data set in VOC layout: plain gray images of realistic sizes, and annotations with at least one box each."""
    for name in ('JPEGImages', 'Annotations', 'ImageSets/Main'):
        (folder / 'VOC2007' / name).mkdir(parents=True, exist_ok=True)
    from mmdet.datasets import VOCDataset
    classes, rng, names = VOCDataset.METAINFO['classes'], np.random.default_rng(0), []
    files = [_jpeg(size) for size in SIZES]
    for number, count in enumerate(_shared_out(boxes, pictures, rng)):
        names.append(f'{number:06d}')
        kind = min(int(rng.exponential(1)), len(SIZES) - 1)
        objects = ''.join(
            VOC_OBJECT.format(name=classes[rng.integers(len(classes))], box=box,
                              difficult=int(index > 0 and rng.random() < 0.15))
            for index, box in enumerate(_boxes(SIZES[kind], count, rng)))
        annotation = VOC_ANNOTATION.format(name=names[-1], number=number, size=SIZES[kind], objects=objects)
        (folder / 'VOC2007/Annotations' / f'{names[-1]}.xml').write_text(annotation)
        (folder / 'VOC2007/JPEGImages' / f'{names[-1]}.jpg').write_bytes(files[kind])
    (folder / 'VOC2007/ImageSets/Main/trainval.txt').write_text(''.join(f'{name}\n' for name in names))


def _jpeg(size: tuple[int, int]) -> bytes:
    file = BytesIO()
    Image.new('RGB', size, 'gray').save(file, 'JPEG')
    return file.getvalue()


def _shared_out(boxes: int, pictures: int, rng: np.random.Generator) -> np.ndarray:
    """Distribute boxes over images at random, with at least one box per image; return the number of boxes of each image."""
    return 1 + rng.multinomial(boxes - pictures, np.full(pictures, 1 / pictures))


def _boxes(size: tuple[int, int], count: int, rng: np.random.Generator) -> list[list[int]]:
    """Return random boxes inside an image, as corners in pixels counted from 1."""
    low = rng.integers(1, np.array(size) // 2, (count, 2))
    high = rng.integers(low + 5, np.array(size) + 1, (count, 2))
    return np.concatenate((low, high), axis=1).tolist()


def draw_coco(folder: Path, pictures: int, boxes: int, points: int) -> None:
    """Write an annotation file in COCO format, without images: the readers do not open them."""
    from mmdet.datasets import CocoDataset
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    numbers = np.sort(rng.choice(581_929, pictures, replace=False)).tolist()
    categories = [dict(supercategory='thing', id=number, name=name)
                  for number, name in enumerate(CocoDataset.METAINFO['classes'], 1)]
    images, annotations = [], []
    for number, count in zip(numbers, _shared_out(boxes, pictures, rng)):
        size = SIZES[min(int(rng.exponential(1)), len(SIZES) - 1)]
        images.append(dict(
            license=1, file_name=f'{number:012d}.jpg', coco_url=f'http://images.cocodataset.org/train2017/{number:012d}.jpg',
            height=size[1], width=size[0], date_captured='2013-11-14 11:18:45',
            flickr_url='http://farm1.staticflickr.com/0/0_z.jpg', id=number))
        for x1, y1, x2, y2 in _boxes(size, count, rng):
            x, y = x1 - 1 + 0.25, y1 - 1 + 0.5
            width, height = round(x2 - x1 + rng.random() / 2, 2), round(y2 - y1 + rng.random() / 2, 2)
            outline = (rng.random((points, 2)) * (width, height) + (x, y)).round(2).ravel().tolist()
            annotations.append(dict(
                segmentation=[outline], area=round(width * height / 2, 4), iscrowd=0, image_id=number,
                bbox=[x, y, width, height], category_id=int(rng.integers(1, len(categories) + 1)), id=len(annotations) + 1))
    rng.shuffle(annotations)  # COCO's annotations are not sorted by image either
    file = dict(info={}, licenses=[], images=images, annotations=annotations, categories=categories)
    (folder / 'instances.json').write_text(json.dumps(file))


def voc_config(folder: Path, scope: str) -> dict:
    """Return the config of the VOC training split, for the data set class of a registry scope."""
    return dict(type=f'{scope}.VOCDataset', data_root=str(folder), ann_file='VOC2007/ImageSets/Main/trainval.txt',
                data_prefix=dict(sub_data_root='VOC2007/'), filter_cfg=dict(filter_empty_gt=True, min_size=32), pipeline=[])


def coco_config(folder: Path, scope: str) -> dict:
    """Return the config of the COCO training set, for the data set class of a registry scope."""
    return dict(type=f'{scope}.CocoDataset', data_root=str(folder), ann_file='instances.json',
                data_prefix=dict(img='train2017/'), filter_cfg=dict(filter_empty_gt=True, min_size=32), pipeline=[])


def compared(config: Callable[[str], dict], folder: Path, rounds: int) -> dict:
    """Measure both readers in alternation; return their medians, and the ratios of mmmux to mmdet."""
    for path in folder.rglob('*'):  # reads the files into the page cache
        if path.is_file():
            path.read_bytes()
    measured = {name: [] for name in READERS}
    for _ in range(rounds):
        for name, scope in READERS.items():
            with ProcessPoolExecutor(1, mp_context=get_context('spawn')) as process:
                measured[name].append(process.submit(load, config(scope)).result())
            print(name, measured[name][-1], flush=True)
    (pictures, ) = {row['pictures'] for rows in measured.values() for row in rows}  # fails if the readers keep other images
    result = dict(rounds=rounds, kept=pictures)
    for name, rows in measured.items():
        result[name] = {key: round(median(row[key] for row in rows), 2) for key in MEASURES}
        result[name]['seconds_of_rounds'] = [round(row['seconds'], 2) for row in rows]
    pairs = list(zip(measured['mmmux'], measured['mmdet']))
    result['ratio'] = {key: round(median(ours[key] / theirs[key] for ours, theirs in pairs), 3) for key in MEASURES}
    return result


def load(config: dict) -> dict:
    """Build a data set; return its number of images, the seconds, the CPU seconds, and the peak growth of the memory in MiB."""
    from mmdet.registry import DATASETS

    import mmmux.datasets  # noqa: F401
    gc.collect()
    Path('/proc/self/clear_refs').write_text('5')  # resets the peak of the resident set
    before = _resident('VmRSS')
    began, began_cpu = time.perf_counter(), time.process_time()
    dataset = DATASETS.build(config)
    seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - began_cpu
    return dict(pictures=len(dataset), seconds=seconds, cpu_seconds=cpu_seconds, mib=_resident('VmHWM') - before)


def _resident(key: str) -> float:
    lines = Path('/proc/self/status').read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(key)) / 1024


if __name__ == '__main__':
    main()
