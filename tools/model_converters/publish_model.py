#!/usr/bin/env python
"""Write the weights of a checkpoint alone, for others to test or to start from.

Optimizer, schedules and logs are left out; the classes stay. The name of the
new file has the first eight digits of its SHA-256.
"""
import argparse
from pathlib import Path

from mmmux.checkpoints.publish import publish
from mmmux.utils import cli


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('checkpoint', type=Path, help='the checkpoint of a training')
    parser.add_argument('out', type=Path, help='the file to write, e.g. muxnet-m.pth, which becomes muxnet-m-1a2b3c4d.pth')
    cli.add_version(parser)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    with cli.sentences():
        path = publish(args.checkpoint, args.out)
    print(f'{path}: {path.stat().st_size / 1e6:.1f} MB of {args.checkpoint.stat().st_size / 1e6:.1f} MB')


if __name__ == '__main__':
    main()
