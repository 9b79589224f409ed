#!/usr/bin/env python
"""Draw a model's predictions on images and videos, and write them for a labelling tool.

A detector's boxes, a segmentor's classes or a classifier's scores are drawn. INPUT is a file, a folder, a pattern in quotes
such as 'data/**/*.jpg', a video, or a webcam: webcam, or webcam:1 for the second one.
"""
import argparse
from pathlib import Path

from mmmux.apis import DemoOptions, Inferencer, run_demo
from mmmux.config import load_config
from mmmux.utils import cli
from mmmux.utils.write_lock import WriteLock


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog='examples:\n'
        '  tools/image_demo.py a.jpg b.jpg CONFIG CHECKPOINT --out-dir drawn --threshold 0.5\n'
        '  tools/image_demo.py pictures CONFIG CHECKPOINT --labels coco yolo    write labels, too\n'
        '  tools/image_demo.py webcam CONFIG CHECKPOINT                         until Ctrl-C')
    parser.add_argument('inputs', nargs='+', metavar='INPUT', help='images, videos, folders, patterns or webcams')
    parser.add_argument('config', type=Path, help='config file of the model')
    parser.add_argument('checkpoint', help='file or URL of the weights')
    parser.add_argument('--out-dir', type=Path, default=Path('work_dirs/image_demo'),
                        help='folder to write to, with the subfolders of the inputs (default: %(default)s)')
    parser.add_argument('--threshold', type=float, default=0.3,
                        help='lowest score of a detection to draw and write, 0 to 1 (default: %(default)s)')
    parser.add_argument('--labels', nargs='+', default=[], metavar='FORMAT',
                        help='write the predictions for labelling tools, too, into OUT_DIR/FORMAT: coco, voc or yolo of a '
                        'detector, maps of a segmentor, csv of a classifier')
    parser.add_argument('--no-draw', action='store_true', help='write no drawn images, only labels')
    cli.add_tiles(parser)
    parser.add_argument('--frames', type=int, metavar='N', help='end each video and webcam after N frames (default: all)')
    parser.add_argument('--device', help='torch device, for example cpu or cuda:0 (default: a GPU if there is one)')
    cli.add_version(parser)
    args = parser.parse_args()
    if args.frames is not None and args.frames < 1:
        parser.error(f'--frames must be at least 1, got {args.frames}')
    return args


def main() -> None:
    args = parse_args()
    with cli.sentences(), WriteLock(args.out_dir, '--out-dir'):
        inferencer = Inferencer(load_config(args.config), args.checkpoint, args.device, cli.tiles(args))
        run_demo(inferencer, args.inputs, DemoOptions(
            args.out_dir, args.threshold, tuple(args.labels), not args.no_draw, args.frames))


if __name__ == '__main__':
    main()
