#!/usr/bin/env python
"""Draw a small data set, train SSDLite with MUXNet-m on it, test it, and draw its predictions (`make demo`)."""
import argparse
from pathlib import Path

from mmengine.config import Config
from quick_run import ROOT, quick_run, say_what_next

from mmmux.datasets.drawn_shapes import CLASSES, draw_data_set
from mmmux.utils import cli

CONFIG = ROOT / 'configs/ssdlite/ssdlite_muxnet-m_1xb16-25e_shapes-160.py'
PICTURES_SHOWN = 12


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--out-dir', type=Path, default=Path('work_dirs/demo'),
                        help='folder for the data and the results (default: %(default)s)')
    parser.add_argument('--train', type=int, default=320, help='number of training pictures (default: %(default)s)')
    parser.add_argument('--test', type=int, default=80, help='number of test pictures (default: %(default)s)')
    parser.add_argument('--epochs', type=int, default=12,
                        help='number of passes through the training pictures (default: %(default)s)')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    with cli.sentences():
        print(f'Drawing {args.train} + {args.test} scenes of {", ".join(CLASSES)} into {args.out_dir / "data"}')
        data = draw_data_set(args.out_dir / 'data', args.train, args.test)

        def prepare(cfg: Config) -> None:
            for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
                loader.dataset.data_root = str(data)
            cfg.train_cfg.max_epochs = args.epochs
            cfg.param_scheduler[1].update(T_max=args.epochs, end=args.epochs)

        names = (data / 'VOC2007/ImageSets/Main/test.txt').read_text().split()[:PICTURES_SHOWN]
        pictures = [data / f'VOC2007/JPEGImages/{name}.jpg' for name in names]
        metrics, checkpoint = quick_run('SSDLite + MUXNet-m', CONFIG, 'pascal_voc/mAP', prepare, pictures, args.out_dir)
    print('By class  ' + ', '.join(f'{name} {metrics[f"pascal_voc/AP50/{name}"]:.2f}' for name in CLASSES
                                  if f'pascal_voc/AP50/{name}' in metrics))
    say_what_next(CONFIG, checkpoint, args.out_dir, 'PASCAL VOC or COCO')


if __name__ == '__main__':
    main()
