#!/usr/bin/env python
"""Test a checkpoint of a detector, segmentor or classifier.

The metrics (mAP, mIoU, or top-1 accuracy or AUROC) are printed, and written to
metrics.json in the work dir.
"""
import argparse
from pathlib import Path

from mmmux.apis import predict_only, test
from mmmux.config import enable_tta, load_config
from mmmux.tasks import task_of
from mmmux.utils import cli


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog='examples:\n'
        '  tools/test.py CONFIG CHECKPOINT                        print the metrics\n'
        '  tools/test.py CONFIG CHECKPOINT --show-dir drawn       draw the predictions, too\n'
        '  tools/dist_test.sh CONFIG CHECKPOINT 8                 test on eight GPUs\n'
        '  tools/test.py CONFIG CHECKPOINT --pictures DIR --out predictions.pkl   predict pictures without annotations')
    cli.add_run_options(parser)
    parser.add_argument('checkpoint', help='file or URL of the weights')
    parser.add_argument('--out', type=Path, metavar='FILE.pkl|DIR',
                        help='write all predictions: to the pickle file FILE.pkl, or, with a segmentor, as label maps into the '
                        "folder DIR, numbered as the data set's own label maps")
    parser.add_argument('--show-dir', type=Path, metavar='DIR',
                        help='draw the predictions on the test images, and write these into DIR: boxes, classes with a legend, '
                        'or scores')
    parser.add_argument('--tta', action='store_true',
                        help='test-time augmentation: merge the predictions of several views of each image (default: off)')
    cli.add_version(parser)
    cli.add_tiles(parser)
    parser.add_argument('--pictures', nargs='+', metavar='INPUT',
                        help="predict these pictures without annotations in place of the config's test data: files, folders or "
                        'patterns in quotes; no metrics, and --out or --show-dir is needed')
    args = parser.parse_args()
    if args.tiles and args.tta:
        parser.error('--tiles and --tta cannot be used together: each predicts its own views of a picture')
    if args.pictures and not (args.out or args.show_dir):
        parser.error('--pictures needs --out or --show-dir: pictures without annotations have no metrics to print')
    return args


def main() -> None:
    args = parse_args()
    cli.pass_local_rank(args)
    with cli.sentences():
        cfg = load_config(args.config, args.cfg_options, args.work_dir, args.launcher)
        cfg.load_from, cfg.resume = args.checkpoint, False
        task = task_of(cfg) if args.show_dir or args.out or args.tiles else None
        if args.pictures:
            predict_only(cfg, args.pictures)
        if args.show_dir:
            task.draw_in_test(cfg, args.show_dir)
        if args.tta:
            enable_tta(cfg)
        if args.tiles:
            task.cut_into_tiles(cfg, *cli.tiles(args))
        if args.out:
            task.dump_in_test(cfg, args.out)
        test(cfg, {'--out': args.out, '--show-dir': args.show_dir})


if __name__ == '__main__':
    main()
