#!/usr/bin/env python
"""Train a detector, segmentor or classifier from a config.

The model is validated at the config's interval. Checkpoints, logs and
machine.json (the machine and the package versions) are written to the work
dir. On Ctrl-C or SIGTERM the training saves a checkpoint after the current
iteration and stops; --resume continues it.
"""
import argparse

from mmmux.apis import train
from mmmux.config import add_vis_backends, load_config, resume, scale_learning_rate, train_in_mixed_precision
from mmmux.config.hooks import add_hook
from mmmux.config.vis_backends import BACKENDS
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
    parser.add_argument('--amp', nargs='?', const='fp16', choices=['fp16', 'bf16'],
                        help='train in automatic mixed precision: fp16, which needs a GPU, is meant without a value; bf16 also '
                        'runs on CPUs that have it (default: off)')
    parser.add_argument('--resume', nargs='?', const='auto', metavar='CHECKPOINT',
                        help='continue from CHECKPOINT, or without a value from the latest checkpoint in the work dir '
                        '(default: start a new training)')
    parser.add_argument('--new-schedule', action='store_true',
                        help="with --resume: use the learning rate and the schedule of the config in place of the "
                        "checkpoint's, at the epoch that was reached (default: refuse if they differ)")
    parser.add_argument('--auto-scale-lr', action='store_true',
                        help='multiply the learning rate by the actual batch size divided by auto_scale_lr.base_batch_size of '
                        'the config (default: off)')
    parser.add_argument('--vis-backends', nargs='+', choices=BACKENDS, default=[], metavar='NAME',
                        help=f'write the logs to these, too: {", ".join(BACKENDS)} (default: those of the config)')
    parser.add_argument('--val-loss', action='store_true',
                        help='compute the loss of the validation data, too, which loads them a second time (default: off)')
    cli.add_version(parser)
    args = parser.parse_args(cli.with_default('--amp', 'fp16', ('fp16', 'bf16')))
    if args.new_schedule and not args.resume:
        parser.error('--new-schedule needs --resume')
    return args


def main() -> None:
    args = parse_args()
    cli.pass_local_rank(args)
    with cli.sentences():
        cfg = load_config(args.config, args.cfg_options, args.work_dir, args.launcher)
        if args.amp:
            train_in_mixed_precision(cfg, args.amp)
        if args.auto_scale_lr:
            scale_learning_rate(cfg)
        if args.vis_backends:
            add_vis_backends(cfg, args.vis_backends)
        if args.val_loss:
            add_hook(cfg, dict(type='mmmux.ValLossHook'))
        if args.resume:
            resume(cfg, args.resume, args.new_schedule)
        train(cfg)


if __name__ == '__main__':
    main()
