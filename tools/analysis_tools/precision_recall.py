#!/usr/bin/env python
"""Compute precision, recall and F1 of each class, from the predictions that tools/test.py --out has written.

A table gives for each class the score with the largest F1, and for a detector the average precision of small (up to 32 x 32
pixels), medium (up to 96 x 96) and large objects. The curves are written as JSON and as a picture.
"""
import argparse
from pathlib import Path

from mmengine.registry import init_default_scope

from mmmux.analysis.precision_recall import table
from mmmux.config import load_config
from mmmux.config.preflight import check_data
from mmmux.config.suggestions import explained
from mmmux.tasks import task_of
from mmmux.utils import cli


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', type=Path, help='config file of the test')
    parser.add_argument('results', type=Path, help='the .pkl file that tools/test.py --out wrote')
    parser.add_argument('--out-dir', type=Path, default=Path('work_dirs/precision_recall'),
                        help='folder for precision_recall.json and precision_recall.png (default: %(default)s)')
    parser.add_argument('--iou', type=float, default=0.5,
                        help='overlap with an object that a right box has at least, 0 to 1 (default: %(default)s)')
    cli.add_cfg_options(parser)
    cli.add_version(parser)
    args = parser.parse_args()
    if not 0 < args.iou <= 1:
        parser.error(f'--iou must be above 0 and at most 1, got {args.iou}')
    return args


def main() -> None:
    args = parse_args()
    with cli.sentences():
        cfg = load_config(args.config, args.cfg_options)
        task = task_of(cfg)
        init_default_scope(cfg.get('default_scope', 'mmengine'))
        check_data(cfg, ('test_dataloader', ))
        with explained(cfg):
            found = task.precision_recall(cfg, args.results, args.iou)
        print(table(found))
        print(f'\nwritten: {" and ".join(map(str, found.write(args.out_dir)))}')


if __name__ == '__main__':
    main()
