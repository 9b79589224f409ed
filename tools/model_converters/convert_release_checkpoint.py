#!/usr/bin/env python
"""Convert a checkpoint of the authors' release (MUXNet-m or -l) to a pretrained backbone or to a whole classifier."""
import argparse
from pathlib import Path

import torch

from mmmux.checkpoints.safe_loading import load_checkpoint_file
from mmmux.models.release import convert_release_checkpoint, whole_classifier
from mmmux.utils import cli
from mmmux.utils.errors import CheckpointError

IMAGENET_CLASSES = 1000


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, epilog='The tool runs no code that SRC contains.')
    parser.add_argument('src', type=Path,
                        help="the release's file: a state_dict, or a dict with the key state_dict or state_dict_ema")
    parser.add_argument('dst', type=Path, help='the file to write, e.g. muxnet-m.pth')
    parser.add_argument('--classifier', action='store_true',
                        help='write the whole classifier, for tools/test.py and tools/train.py with a config of '
                        "configs/classification, instead of a backbone for init_cfg=dict(type='Pretrained', ...)")
    cli.add_version(parser)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    with cli.sentences():
        if args.src.resolve() == args.dst.resolve():
            raise CheckpointError(f'{args.dst} is both the file to convert and the file to write, which would be lost: give '
                                  'another name to write')
        checkpoint = convert_release_checkpoint(load_checkpoint_file(args.src, map_location='cpu'), str(args.src))
        if args.classifier:
            checkpoint = whole_classifier(checkpoint, str(args.src))
        try:
            args.dst.parent.mkdir(parents=True, exist_ok=True)
            torch.save(checkpoint, args.dst)
        except (OSError, RuntimeError) as error:
            raise CheckpointError(f'{args.dst} cannot be written: {error}') from None
    print(f"{args.dst}: MUXNet-{checkpoint['meta']['arch']}, {len(checkpoint['state_dict'])} weights. Use it with\n"
          f"  {usage(args.dst, checkpoint['meta'])}")


def usage(file: Path, meta: dict) -> str:
    """Return the command, or the entry of a config, that uses the written file."""
    arch, classes = meta['arch'], meta.get('num_classes')
    if classes is None:
        return f"backbone=dict(type='mmmux.MUXNet', arch='{arch}', init_cfg=dict(type='Pretrained', checkpoint='{file}'))"
    if classes != IMAGENET_CLASSES:
        return f'python tools/test.py CONFIG {file}\nwhere CONFIG has MUXNet-{arch} and model.head.num_classes={classes}'
    return f'python tools/test.py configs/classification/muxnet-{arch}_8xb96-450e_imagenet-224.py {file}'


if __name__ == '__main__':
    main()
