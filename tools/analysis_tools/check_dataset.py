#!/usr/bin/env python
"""Read the data sets of a config as training and testing would, every picture and every annotation, and tell all that is wrong.

Exit status: 0 if nothing was found, 1 if something was, 2 if a data set could not be checked. Into --out go findings.json, with
everything that was found, and plots of the sizes of boxes and of the frequency of classes.
"""
import argparse
import json
import sys
from pathlib import Path

from mmmux.utils import cli

with cli.stdout_to_stderr():
    from mmmux.analysis.dataset_check import check
    from mmmux.analysis.dataset_check.parts import SPLITS
    from mmmux.analysis.dataset_check.plots import plot
    from mmmux.analysis.dataset_check.report import write_fix_lists
    from mmmux.config import check_data, load_config
    from mmmux.tasks import known_layouts
    from mmmux.utils.machine import usable_cores


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', type=Path, help='config file, for example one below configs/')
    parser.add_argument('--splits', nargs='+', choices=SPLITS, default=SPLITS, help='sets to read (default: all)')
    parser.add_argument('--jobs', type=int, default=usable_cores(),
                        help='processes to read in (default: %(default)s, one for each core)')
    parser.add_argument('--out', type=Path, help='folder for findings.json and plots (default: dataset in the work dir)')
    parser.add_argument('--json', action='store_true', help='print findings.json instead of a text')
    parser.add_argument('--fix-list', type=Path, metavar='FILE.txt|DIR',
                        help='list the training pictures that something is wrong with, each with the reason, as leave_out of a '
                        'data set reads it; DIR gets a file for each data set')
    cli.add_cfg_options(parser)
    cli.add_version(parser)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    with cli.sentences(), cli.stdout_to_stderr():
        cfg = load_config(args.config, args.cfg_options)
        check_data(cfg, tuple(f'{split}_dataloader' for split in args.splits))
        report = check(cfg, known_layouts(), args.splits, args.jobs, args.fix_list)
        out = args.out or Path(cfg.work_dir) / 'dataset'
        drawn = plot(report, out)
        found = json.dumps(report.as_dict(), indent=2, ensure_ascii=False)
        (out / 'findings.json').write_text(found + '\n', encoding='utf-8')
        lists = write_fix_lists(report, args.fix_list) if args.fix_list else {}
    print(found if args.json else report.text())
    if not args.json:
        print(f'written: {", ".join(map(str, (out / "findings.json", *drawn)))}')
        for key, path in lists.items():
            print(f'to leave them out of training: --cfg-options {key}={path}')
    sys.exit(cli.FAILED if report.unchecked else int(bool(report.findings)))


if __name__ == '__main__':
    main()
