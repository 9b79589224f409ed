#!/usr/bin/env python
"""Draw a small data set, train SSDLite with MUXNet-m on it, test it, and show what it finds: `make demo`."""
import argparse
import json
import time
import warnings
from pathlib import Path

import torch

from mmmux.analysis.curves import plot_curves, read_curves
from mmmux.datasets.drawn_shapes import CLASSES, draw_data_set
from mmmux.engine import cli, run, settings
from mmmux.engine.predict import Painter

ROOT = Path(__file__).resolve().parent.parent
CONFIG = ROOT / 'configs/ssdlite/ssdlite_muxnet-m_1xb16-25e_shapes-160.py'
METRIC = 'pascal_voc/mAP'
PICTURES_SHOWN = 12


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--out-dir', type=Path, default=Path('work_dirs/demo'), help='default: %(default)s')
    parser.add_argument('--train', type=int, default=320, help='pictures to train on (default: %(default)s)')
    parser.add_argument('--test', type=int, default=80, help='pictures to test on (default: %(default)s)')
    parser.add_argument('--epochs', type=int, default=25, help='rounds over the training pictures (default: %(default)s)')
    return parser.parse_args()


def load(args: argparse.Namespace, data: Path, training: Path):
    """The config of the demo, quiet but for its progress."""
    cfg = settings.load_config(CONFIG, work_dir=training)
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        loader.dataset.data_root = str(data)
    cfg.train_cfg.max_epochs = args.epochs
    cfg.param_scheduler[1].update(T_max=args.epochs, end=args.epochs)
    cfg.custom_hooks.append(dict(type='mmmux.ProgressHook', score=METRIC))
    cfg.log_level = 'ERROR'
    return cfg


def main() -> None:
    args = parse_args()
    warnings.filterwarnings('ignore')
    started = time.time()
    out, training = args.out_dir, args.out_dir / 'training'
    with cli.sentences():
        print(f'Drawing {args.train} + {args.test} scenes of {", ".join(CLASSES)} into {out / "data"}')
        data = draw_data_set(out / 'data', args.train, args.test)

        device = torch.cuda.get_device_name(0) if torch.cuda.is_available() else f'CPU, {torch.get_num_threads()} threads'
        print(f'Training SSDLite + MUXNet-m from random weights, {args.epochs} epochs ({device})')
        run.train(load(args, data, training))

        print('Testing the last checkpoint')
        checkpoint = (training / 'last_checkpoint').read_text().strip()
        cfg = load(args, data, out / 'test')
        cfg.load_from = checkpoint
        metrics = {name: round(float(value), 4) for name, value in run.test(cfg).items()}

        painter = Painter(settings.load_config(CONFIG), checkpoint)
        pictures = out / 'pictures'
        pictures.mkdir(exist_ok=True)
        for name in (data / 'VOC2007/ImageSets/Main/test.txt').read_text().split()[:PICTURES_SHOWN]:
            painter.draw(data / f'VOC2007/JPEGImages/{name}.jpg', pictures / f'{name}.png')
        plot_curves({'SSDLite + MUXNet-m': read_curves(training)}, METRIC, out / 'curves.png')
        (out / 'metrics.json').write_text(json.dumps(dict(metrics, seconds=round(time.time() - started)), indent=2) + '\n')
    print(f'\nmAP {metrics[METRIC]:.3f} after {time.time() - started:.0f} s; by class: ' +
          ', '.join(f'{name} {metrics[f"pascal_voc/AP50/{name}"]:.2f}' for name in CLASSES))
    print(f'Look at   {out}/pictures (what it finds), {out}/curves.png, {out}/metrics.json\n'
          f'Try next  your own pictures: .venv/bin/python tools/image_demo.py PICTURE... {CONFIG.relative_to(ROOT)} '
          f'{checkpoint}\n'
          '          your own data, PASCAL VOC or COCO: README.md, "Data" and "Training"')


if __name__ == '__main__':
    main()
