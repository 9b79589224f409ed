#!/usr/bin/env python
"""Test a detector (mAP), segmentor (mIoU) or classifier (top-1, AUROC); the metrics also go to <work dir>/metrics.json."""
import argparse
from pathlib import Path

from mmmux.apis import test
from mmmux.config import enable_tta, load_config
from mmmux.tasks import task_of
from mmmux.utils import cli


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, epilog='Several GPUs: tools/dist_test.sh CONFIG CHECKPOINT GPUS.')
    cli.add_run_options(parser)
    parser.add_argument('checkpoint', help='file or URL of the weights')
    parser.add_argument('--out', type=Path, metavar='FILE.pkl|DIR',
                        help="write every prediction: to a pickle, or a segmentor's as label maps into DIR, in the data set's "
                        'own numbering')
    parser.add_argument('--show-dir', type=Path, metavar='DIR',
                        help='draw what is predicted into DIR: boxes, classes with a legend, or scores')
    parser.add_argument('--tta', action='store_true', help='merge the predictions of several views of each picture')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    cli.pass_local_rank(args)
    with cli.sentences():
        cfg = load_config(args.config, args.cfg_options, args.work_dir, args.launcher)
        cfg.load_from, cfg.resume = args.checkpoint, False
        task = task_of(cfg) if args.show_dir or args.out else None
        if args.show_dir:
            task.draw_in_test(cfg, args.show_dir)
        if args.tta:
            enable_tta(cfg)
        if args.out:
            task.dump_in_test(cfg, args.out)
        test(cfg)


if __name__ == '__main__':
    main()
