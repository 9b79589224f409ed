#!/usr/bin/env python
"""Train a detector, segmentor or classifier from a config.

The model is validated at the config's interval. Checkpoints, logs and
machine.json (the machine and the package versions) are written to the work
dir. On Ctrl-C or SIGTERM the training saves a checkpoint after the current
iteration and stops; --resume continues it.
"""
import argparse

from mmmux.apis import train
from mmmux.config import load_config, resume, scale_learning_rate, train_in_mixed_precision
from mmmux.tasks.base import add_hook
from mmmux.utils import cli


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog='examples:\n'
        '  tools/train.py CONFIG                            train on one GPU, or on the CPU without one\n'
        '  tools/train.py CONFIG --resume                   continue from the latest checkpoint in the work dir\n'
        '  tools/train.py CONFIG --cfg-options randomness.seed=1 train_dataloader.batch_size=16\n'
        '  tools/dist_train.sh CONFIG 8                     train on eight GPUs\n'
        '  tools/slurm_train.sh PARTITION JOB_NAME CONFIG   train under Slurm')
    cli.add_run_options(parser)
    parser.add_argument('--amp', action='store_true',
                        help='train in automatic mixed precision, which needs a GPU (default: off)')
    parser.add_argument('--resume', nargs='?', const='auto', metavar='CHECKPOINT',
                        help='continue from CHECKPOINT, or without a value from the latest checkpoint in the work dir '
                        '(default: start a new training)')
    parser.add_argument('--auto-scale-lr', action='store_true',
                        help='multiply the learning rate by the actual batch size divided by auto_scale_lr.base_batch_size of '
                        'the config (default: off)')
    parser.add_argument('--val-loss', action='store_true',
                        help='compute the loss of the validation data, too, which loads them a second time (default: off)')
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
        if args.val_loss:
            add_hook(cfg, dict(type='mmmux.ValLossHook'))
        if args.resume:
            resume(cfg, args.resume)
        train(cfg)


if __name__ == '__main__':
    main()
