#!/usr/bin/env python
"""Measure the time that the dataset check and the demo add to the work that they need.

The check reads pictures in one process; beside it, the same files are only decoded and hashed. The demo predicts, draws and
writes pictures; beside it, they are only predicted. The script generates the pictures, 640 x 480 pixels, with annotations in
VOC layout; they are in the page cache. Each round runs all four in turn; the result has the medians, and the median of each
round's ratio.
"""
import argparse
import hashlib
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import cv2
import numpy as np
import torch
from mmengine.config import Config
from PIL import Image

from mmmux.analysis.dataset_check import check
from mmmux.apis import Inferencer
from mmmux.config import load_config
from mmmux.tasks import known_layouts
from mmmux.utils.atomic_write import write_json
from mmmux.utils.machine import describe_machine

ROOT = Path(__file__).resolve().parents[1]
SIZE = (640, 480)
CLASSES = ('circle', 'square', 'cross')
OBJECTS = 4  # in a picture
DRAWN = 6  # boxes that the threshold leaves on the first picture
ANNOTATION = """<annotation>
<filename>{name}</filename><size><width>{size[0]}</width><height>{size[1]}</height><depth>3</depth></size>
{objects}</annotation>
"""
OBJECT = """<object><name>{name}</name><difficult>0</difficult><bndbox><xmin>{box[0]}</xmin><ymin>{box[1]}</ymin>
<xmax>{box[2]}</xmax><ymax>{box[3]}</ymax></bndbox></object>
"""


def main() -> None:
    args = parse_args()
    torch.set_num_threads(args.threads)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        pictures = write_data_set(root / 'data', args.pictures, args.suffix)
        cfg = configured(root / 'data')
        measured = rounds({**checks(cfg, pictures), **demos(cfg, pictures, root)}, args.rounds)
    write_json(args.out, {**describe_machine(), 'pictures': args.pictures, 'suffix': args.suffix, 'size': list(SIZE),
                          'rounds': args.rounds, **summary(measured)})
    print(f'written: {args.out}')


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--pictures', type=int, default=1000, help='number of pictures (default: %(default)s)')
    parser.add_argument('--suffix', choices=('.jpg', '.png'), default='.jpg',
                        help='format of the pictures (default: %(default)s)')
    parser.add_argument('--rounds', type=int, default=5, help='number of rounds (default: %(default)s)')
    parser.add_argument('--threads', type=int, default=2, help='number of CPU threads of the model (default: %(default)s)')
    parser.add_argument('--out', type=Path, default=ROOT / 'benchmarks/results/own_data.json',
                        help='JSON file to write (default: benchmarks/results/own_data.json)')
    return parser.parse_args()


def write_data_set(root: Path, number: int, suffix: str) -> list[Path]:
    """Write pictures with annotations in VOC layout; return the paths of the pictures.

    Args:
        root: folder of the data set.
        number: number of pictures.
        suffix: '.jpg' or '.png'.
    """
    rng, names = np.random.default_rng(0), [f'{index:06d}' for index in range(number)]
    for part in ('JPEGImages', 'Annotations', 'ImageSets/Main'):
        (root / 'VOC2007' / part).mkdir(parents=True)
    pictures = [root / f'VOC2007/JPEGImages/{name}{suffix}' for name in names]
    for name, path in zip(names, pictures):
        # Coarse noise, enlarged: files of about the size of photographs of as many pixels.
        coarse = Image.fromarray(rng.integers(0, 256, (SIZE[1] // 8, SIZE[0] // 8, 3), dtype=np.uint8))
        coarse.resize(SIZE, Image.Resampling.BICUBIC).save(path, quality=90)
        objects = []
        for _ in range(OBJECTS):
            x, y = int(rng.integers(1, SIZE[0] - 200)), int(rng.integers(1, SIZE[1] - 200))
            width, height = rng.integers(20, 200, 2).tolist()
            objects.append(OBJECT.format(name=CLASSES[int(rng.integers(len(CLASSES)))], box=(x, y, x + width, y + height)))
        text = ANNOTATION.format(name=path.name, size=SIZE, objects=''.join(objects))
        (root / f'VOC2007/Annotations/{name}.xml').write_text(text)
    (root / 'VOC2007/ImageSets/Main/train.txt').write_text('\n'.join(names) + '\n')
    return pictures


def configured(root: Path) -> Config:
    """Return the config of a detector whose training data are those of :func:`write_data_set`."""
    cfg = load_config(ROOT / 'configs/ssdlite/ssdlite_muxnet-m_1xb16-25e_shapes-160.py')
    dataset = cfg.train_dataloader.dataset
    while 'dataset' in dataset:
        dataset = dataset.dataset
    dataset.update(data_root=str(root), ann_file='VOC2007/ImageSets/Main/train.txt',
                   data_prefix=dict(sub_data_root='VOC2007/'), metainfo=dict(classes=CLASSES))
    return cfg


def checks(cfg: Config, pictures: list[Path]) -> dict[str, Callable[[], None]]:
    """Return the work of the check, and the part of it that no check can do without."""
    def decoded() -> None:
        cv2.setNumThreads(0)  # as in the processes of the check
        for path in pictures:
            content = path.read_bytes()
            hashlib.sha256(content).digest()
            hashlib.sha256(cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)).digest()

    def checked() -> None:
        report = check(cfg, known_layouts(), ['train'])
        if report.unchecked or report.findings:
            sys.exit(f'the check of good pictures found {[*report.unchecked, *report.findings][:3]}')

    return {'decoding and hashing': decoded, 'dataset check': checked}


def demos(cfg: Config, pictures: list[Path], folder: Path) -> dict[str, Callable[[], None]]:
    """Return the work of the demo with a detector of random weights, and the inference alone."""
    from mmdet.registry import MODELS
    from mmengine.registry import DefaultScope

    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mmdet'):
        state = MODELS.build(cfg.model).state_dict()
    torch.save(dict(state_dict=state, meta=dict(dataset_meta=dict(classes=CLASSES))), folder / 'weights.pth')
    inferencer = Inferencer(cfg, str(folder / 'weights.pth'), 'cpu')
    scores = inferencer.predict(pictures[0]).pred_instances.scores.sort(descending=True).values
    threshold = float(scores[min(DRAWN, len(scores) - 1)])
    (folder / 'drawn').mkdir()

    def predicted() -> None:
        for path in pictures:
            inferencer.predict(path)

    def drawn() -> None:
        for path in pictures:
            inferencer.summary(inferencer.draw(path, folder / 'drawn' / path.name, threshold), threshold)

    return {'inference': predicted, 'demo': drawn}


def rounds(works: dict[str, Callable[[], None]], number: int) -> dict[str, list[float]]:
    """Run all works once without timing them, which fills the page cache, and then in turn; return the seconds of each."""
    seconds = {name: [] for name in works}
    for turn in range(number + 1):
        for name, work in works.items():
            began = time.perf_counter()
            work()
            if turn:
                seconds[name].append(time.perf_counter() - began)
                print(f'{name}: {seconds[name][-1]:.2f} s', flush=True)
    return seconds


def summary(seconds: dict[str, list[float]]) -> dict:
    """Return the medians, in seconds, and the median ratio of the check and of the demo to their references."""
    ratio = {name: round(median(ours / alone for ours, alone in zip(seconds[name], seconds[beside])), 3)
             for name, beside in (('dataset check', 'decoding and hashing'), ('demo', 'inference'))}
    print(', '.join(f'{name} / {value}' for name, value in ratio.items()))
    return dict(ratio=ratio, seconds={name: round(median(values), 2) for name, values in seconds.items()},
                seconds_of_rounds={name: [round(value, 3) for value in values] for name, values in seconds.items()})


if __name__ == '__main__':
    main()
