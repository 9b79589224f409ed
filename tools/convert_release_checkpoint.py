#!/usr/bin/env python
"""Convert a checkpoint of the authors' release (MUXNet-m or -l, ImageNet) for use as init_cfg=dict(type='Pretrained', ...)."""
import argparse
from pathlib import Path

import torch

from mmmux.checkpoints.release import convert_release_checkpoint
from mmmux.checkpoints.safe_loading import load_checkpoint_file
from mmmux.engine import cli
from mmmux.errors import CheckpointError


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, epilog='No code in SRC is ever run.')
    parser.add_argument('src', type=Path, help="the release's file: a state_dict, or a dict holding state_dict(_ema)")
    parser.add_argument('dst', type=Path, help='the file to write, e.g. muxnet-m.pth')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    with cli.sentences():
        if args.src.resolve() == args.dst.resolve():
            raise CheckpointError(f'{args.dst} is the file to convert, which would be overwritten: give another name')
        checkpoint = convert_release_checkpoint(load_checkpoint_file(args.src, map_location='cpu'), str(args.src))
        try:
            args.dst.parent.mkdir(parents=True, exist_ok=True)
            torch.save(checkpoint, args.dst)
        except (OSError, RuntimeError) as error:
            raise CheckpointError(f'{args.dst} cannot be written: {error}') from None
    arch = checkpoint['meta']['arch']
    print(f"{args.dst}: MUXNet-{arch}, {len(checkpoint['state_dict'])} weights. Use it with\n"
          f"  backbone=dict(type='mmmux.MUXNet', arch='{arch}', init_cfg=dict(type='Pretrained', checkpoint='{args.dst}'))")


if __name__ == '__main__':
    main()
