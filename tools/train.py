#!/usr/bin/env python
"""Train a detector, segmentor or classifier from a config."""
import argparse

from mmmux.apis import train
from mmmux.config import load_config, resume, scale_learning_rate, train_in_mixed_precision
from mmmux.utils import cli


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog='One GPU or CPU: tools/train.py CONFIG. Eight GPUs: tools/dist_train.sh CONFIG 8. '
        'Slurm: tools/slurm_train.sh PARTITION JOB CONFIG.')
    cli.add_run_options(parser)
    parser.add_argument('--amp', action='store_true', help='train in mixed precision (needs a GPU)')
    parser.add_argument('--resume', nargs='?', const='auto', metavar='CHECKPOINT',
                        help='go on from CHECKPOINT, or from the latest one in the work dir')
    parser.add_argument('--auto-scale-lr', action='store_true',
                        help="scale the learning rate by the real batch size over the config's auto_scale_lr.base_batch_size")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    cli.pass_local_rank(args)
    with cli.sentences():
        cfg = load_config(args.config, args.cfg_options, args.work_dir, args.launcher)
        if args.amp:
            train_in_mixed_precision(cfg)
        if args.auto_scale_lr:
            scale_learning_rate(cfg)
        if args.resume:
            resume(cfg, args.resume)
        train(cfg)


if __name__ == '__main__':
    main()
