#!/usr/bin/env python
"""Count which classes a model takes for which, from the predictions that tools/test.py --out has written.

Prints precision, recall and F1 of each class and the class that it is most
often taken for, and writes the whole matrix as JSON and as a picture. The objects of a
detector are matched to boxes that overlap them by half; those without one, and
boxes without an object, are counted as background.
"""
import argparse
from pathlib import Path

from mmengine.registry import init_default_scope

from mmmux.analysis.confusion import table
from mmmux.config import check_data, load_config
from mmmux.config.suggestions import explained
from mmmux.tasks import task_of
from mmmux.utils import cli


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', type=Path, help='config file of the test')
    parser.add_argument('results', type=Path, help='what tools/test.py --out wrote: a .pkl file, or a folder of label maps')
    parser.add_argument('--out-dir', type=Path, default=Path('work_dirs/confusion'),
                        help='folder for confusion_matrix.json and confusion_matrix.png (default: %(default)s)')
    parser.add_argument('--threshold', type=float, default=0.3,
                        help='lowest score of a detection that is counted (default: %(default)s)')
    cli.add_cfg_options(parser)
    cli.add_version(parser)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    with cli.sentences():
        cfg = load_config(args.config, args.cfg_options)
        task = task_of(cfg)
        init_default_scope(cfg.get('default_scope', 'mmengine'))
        check_data(cfg, ('test_dataloader', ))
        with explained(cfg):
            confusion = task.confusion(cfg, args.results, args.threshold)
        print(table(confusion))
        print(f'\nwritten: {" and ".join(map(str, confusion.write(args.out_dir)))}')


if __name__ == '__main__':
    main()
