#!/usr/bin/env python
"""Write a results page for detectors or segmentors that were trained and tested on the same data.

Each --run names a config and a work dir with the results of tools/train.py and then tools/test.py, both with that --work-dir.
All numbers of the page are read from their logs.
"""
import argparse
from pathlib import Path

from mmmux.analysis.report import Page, Run, collect, write_page
from mmmux.analysis.report_pictures import paint
from mmmux.apis import Inferencer
from mmmux.tasks import task_of
from mmmux.utils import cli
from mmmux.utils.errors import ConfigError


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--run', nargs=3, action='append', required=True, metavar=('NAME', 'CONFIG', 'WORK_DIR'),
                        help='name, config and work dir of a model; repeat --run for each model')
    parser.add_argument('--title', required=True, help='heading of the page')
    parser.add_argument('--text', type=Path, help='Markdown file with the text before the table of the page')
    parser.add_argument('--pictures', type=int, default=6, help='number of test pictures to draw (default: %(default)s)')
    parser.add_argument('--threshold', type=float, default=0.4,
                        help='lowest score of a detection to draw, 0 to 1 (default: %(default)s)')
    parser.add_argument('--out', type=Path, required=True, help='Markdown file to write, e.g. docs/results/bccd.md')
    cli.add_version(parser)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    with cli.sentences():
        runs = [Run(name, Path(config), Path(work_dir)) for name, config, work_dir in args.run]
        task = task_of(runs[0].cfg)
        if task.results is None:
            raise ConfigError(f'task {type(task).__name__} of {runs[0].config} defines no results for a page: set results in '
                              'the class of the task (docs/tasks.md)')
        data, curves = collect(runs)
        pictures = paint(runs, args.out.with_suffix(''), args.pictures, args.threshold, Inferencer)
        text = args.text.read_text() if args.text else ''
        write_page(Page(args.title, text, task.results, data, curves, pictures), args.out)
    print(f'written: {args.out}')


if __name__ == '__main__':
    main()
