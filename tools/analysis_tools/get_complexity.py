#!/usr/bin/env python
"""Count the parameters and multiply-adds of a config's model, by part.

As in the paper, multiply-adds are counted for one picture, in convolutions and linear layers only, not in normalisation,
activations and products.
"""
import argparse
from dataclasses import asdict
from pathlib import Path

from mmmux.analysis.complexity import input_shape, model_complexity
from mmmux.config import load_config
from mmmux.utils import cli
from mmmux.utils.valid_json import dumps


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', type=Path, help='config file')
    parser.add_argument('--shape', type=int, nargs=2, metavar=('HEIGHT', 'WIDTH'),
                        help='size of the picture in pixels (default: the test size of the config, or else its training crop)')
    parser.add_argument('--json', action='store_true', help='print JSON instead of a table')
    cli.add_cfg_options(parser)
    cli.add_version(parser)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    with cli.sentences(), cli.stdout_to_stderr():
        cfg = load_config(args.config, args.cfg_options)
        height, width = args.shape or input_shape(cfg)
        parts = model_complexity(cfg, height, width)
    if args.json:
        print(dumps(dict(config=str(args.config), shape=[height, width],
                              parts={name: asdict(part) for name, part in parts.items()}), indent=2))
        return
    print(f'{args.config}, one picture of {height} x {width}')
    print(f'{"part":<20}{"parameters":>14}{"multiply-adds":>18}')
    for name, part in parts.items():
        print(f'{name:<20}{part.params:>14,}{part.macs:>18,}')


if __name__ == '__main__':
    main()
