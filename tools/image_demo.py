#!/usr/bin/env python
"""Draw a model's predictions on images, and write the drawn images to a folder.

A detector's boxes, a segmentor's classes or a classifier's scores are drawn.
"""
import argparse
from pathlib import Path

from mmmux.apis import Inferencer
from mmmux.config import load_config
from mmmux.utils import cli
from mmmux.utils.errors import ConfigError
from mmmux.utils.write_lock import WriteLock


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog='example:\n  tools/image_demo.py a.jpg b.jpg CONFIG CHECKPOINT --out-dir drawn --threshold 0.5')
    parser.add_argument('images', type=Path, nargs='+', metavar='IMAGE', help='image files; their names must differ')
    parser.add_argument('config', type=Path, help='config file of the model')
    parser.add_argument('checkpoint', help='file or URL of the weights')
    parser.add_argument('--out-dir', type=Path, default=Path('work_dirs/image_demo'),
                        help='folder to write the drawn images to (default: %(default)s)')
    parser.add_argument('--threshold', type=float, default=0.3,
                        help='lowest score of a detection to draw, 0 to 1 (default: %(default)s)')
    parser.add_argument('--device', help='torch device, for example cpu or cuda:0 (default: a GPU if there is one)')
    cli.add_version(parser)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    with cli.sentences():
        names = [image.name for image in args.images]
        if twice := [name for name in names if names.count(name) > 1]:
            raise ConfigError(f'two pictures have the file name {twice[0]} and would overwrite each other: draw them one by '
                              'one, each with another --out-dir')
        with WriteLock(args.out_dir, '--out-dir'):
            inferencer = Inferencer(load_config(args.config), args.checkpoint, args.device)
            for image in args.images:
                sample = inferencer.draw(image, args.out_dir / image.name, args.threshold)
                print(f'{args.out_dir / image.name}{inferencer.summary(sample, args.threshold)}')


if __name__ == '__main__':
    main()
