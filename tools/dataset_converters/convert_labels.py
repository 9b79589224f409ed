#!/usr/bin/env python
"""Convert the export of a labelling tool to annotation files for a config.

Reads COCO and YOLO exports of Roboflow, Label Studio, CVAT and Ultralytics, as a
zip file or a folder. train.json, val.json and test.json, in COCO format, are
written beside the pictures; the numbers of pictures and boxes are printed, with
the lines for a config. Needs supervision: pip install 'mmmux[labels]'.
"""
import argparse
from pathlib import Path

from mmmux.datasets.label_exports import convert
from mmmux.utils import cli


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog='example:\n  tools/dataset_converters/convert_labels.py export.zip --out data/mine')
    parser.add_argument('export', type=Path, help='zip file or folder')
    parser.add_argument('--out', type=Path, metavar='DIR',
                        help='folder to unpack a zip file into (default: its name without suffix)')
    parser.add_argument('--val-fraction', type=float, default=0.2, metavar='SHARE',
                        help='share of the training pictures, 0 to 1, that become the validation data where the export has '
                        'none (default: %(default)s)')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    with cli.sentences():
        found = convert(args.export, args.out, args.val_fraction)
    print(found.text())


if __name__ == '__main__':
    main()
