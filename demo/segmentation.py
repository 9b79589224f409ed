#!/usr/bin/env python
"""Draw a small data set, train MUXNet-m with a C1 decoder on it, test it, and draw its predictions (`make demo-seg`)."""
import argparse
from pathlib import Path

from mmengine.config import Config
from quick_run import ROOT, quick_run, say_what_next

from mmmux.datasets.drawn_scenes import CLASSES, draw_data_set
from mmmux.utils import cli

CONFIG = ROOT / 'configs/c1/c1_muxnet-m-d8_1xb8-300it_scenes-160x160.py'
PICTURES_SHOWN = 12


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--out-dir', type=Path, default=Path('work_dirs/demo-seg'),
                        help='folder for the data and the results (default: %(default)s)')
    parser.add_argument('--train', type=int, default=320, help='number of training pictures (default: %(default)s)')
    parser.add_argument('--test', type=int, default=60, help='number of test pictures (default: %(default)s)')
    parser.add_argument('--iterations', type=int, default=300,
                        help='number of training batches, each of 8 pictures (default: %(default)s)')
    args = parser.parse_args()
    if args.iterations < 2:
        parser.error(f'--iterations must be at least 2, got {args.iterations}: the first one warms up the learning rate')
    return args


def main() -> None:
    args = parse_args()
    with cli.sentences():
        print(f'Drawing {args.train} + {args.test} scenes of {", ".join(CLASSES)} into {args.out_dir / "data"}')
        data = draw_data_set(args.out_dir / 'data', args.train, args.test)

        def prepare(cfg: Config) -> None:
            for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
                loader.dataset.data_root = str(data)
            warm_up, poly = cfg.param_scheduler
            warm_up.end = poly.begin = min(warm_up.end, max(1, args.iterations // 2))
            cfg.train_cfg.max_iters = poly.end = args.iterations
            cfg.default_hooks.checkpoint.interval = cfg.train_cfg.val_interval = min(100, args.iterations)

        pictures = sorted((data / 'images/validation').glob('*.jpg'))[:PICTURES_SHOWN]
        metrics, checkpoint = quick_run('C1 + MUXNet-m', CONFIG, 'mIoU', prepare, pictures, args.out_dir)
    print('By class  ' + ', '.join(f'{name} {metrics[f"IoU/{name}"]:.1f}' for name in CLASSES if f'IoU/{name}' in metrics))
    say_what_next(CONFIG, checkpoint, args.out_dir, "in ADE20K's layout")


if __name__ == '__main__':
    main()
