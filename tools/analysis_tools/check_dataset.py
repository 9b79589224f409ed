#!/usr/bin/env python
"""Check every picture and every annotation of a config's data sets, read as in training and testing, and print all findings.

Exit status: 0 without findings, 1 with findings, 2 if a data set could not be checked. The folder --out receives findings.json,
with all findings, and plots of the sizes of boxes and of the frequency of classes.
"""
import argparse
import sys
from pathlib import Path

from mmmux.utils import cli
from mmmux.utils.valid_json import dumps

with cli.stdout_to_stderr():
    from mmmux.analysis.dataset_check import check
    from mmmux.analysis.dataset_check.parts import SPLITS
    from mmmux.analysis.dataset_check.plots import plot
    from mmmux.analysis.dataset_check.report import write_fix_lists
    from mmmux.config import check_data, load_config
    from mmmux.tasks import known_layouts
    from mmmux.utils.machine import usable_cores
    from mmmux.utils.output_folder import make_folder


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', type=Path, help='config file, for example one below configs/')
    parser.add_argument('--splits', nargs='+', choices=SPLITS, default=SPLITS, help='data sets to check (default: all)')
    parser.add_argument('--jobs', type=int, default=usable_cores(),
                        help='number of processes that read (default: %(default)s, one for each core)')
    parser.add_argument('--out', type=Path, help='folder for findings.json and plots (default: dataset in the work dir)')
    parser.add_argument('--json', action='store_true', help='print findings.json instead of a text')
    parser.add_argument('--fix-list', type=Path, metavar='FILE.txt|DIR',
                        help='write the names of the training pictures with findings, each with the reason, to a file that the '
                        'option leave_out of a data set reads; into DIR, one file for each data set')
    cli.add_cfg_options(parser)
    cli.add_version(parser)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    with cli.sentences(), cli.stdout_to_stderr():
        cfg = load_config(args.config, args.cfg_options)
        check_data(cfg, tuple(f'{split}_dataloader' for split in args.splits))
        out = make_folder(args.out or Path(cfg.work_dir) / 'dataset', '--out')
        report = check(cfg, known_layouts(), args.splits, args.jobs, args.fix_list)
        drawn = plot(report, out)
        found = dumps(report.as_dict(), indent=2, ensure_ascii=False)
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
