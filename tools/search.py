#!/usr/bin/env python
"""Search networks of the family for a task: error, parameters and multiply-adds at once.

Results are added to journal.jsonl in the work dir, and after each generation front.png, hypervolume.png and evaluations.csv
are written there.
"""
import argparse
from pathlib import Path

from mmmux.config import load_config
from mmmux.tasks import find_task
from mmmux.utils import cli
from mmmux.utils.installed import need


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog='Search: tools/search.py CONFIG. Go on: tools/search.py CONFIG --resume. '
        'Then: tools/search.py CONFIG --pick knee.')
    parser.add_argument('config', type=Path, help="config file with a field 'search', for example one of configs/search/")
    parser.add_argument('--work-dir', type=Path, help='folder of the search (default: work_dirs/<config name>)')
    parser.add_argument('--resume', action='store_true', help='go on with the search in the work dir')
    parser.add_argument('--pick', metavar='HOW',
                        help='do not search; write a config and a table of one result: knee, a budget (params=1.8e6,macs=66e6: '
                        'the best within), or weights (error=1,params=0.3,macs=0.3)')
    parser.add_argument('--out', type=Path, metavar='FILE.py', help='where --pick writes (default: picked.py in the work dir)')
    cli.add_cfg_options(parser)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    with cli.sentences():
        need('search', 'pymoo', 'moocore', 'sklearn', 'scipy', 'threadpoolctl', 'filelock')
        from mmmux.search.pick import pick, read_results
        from mmmux.search.picked_config import write_picked
        from mmmux.search.report import write_report
        from mmmux.search.search import run_search
        from mmmux.search.settings import read_settings

        cfg = load_config(args.config, args.cfg_options, args.work_dir)
        search = read_settings(cfg)
        work_dir = Path(cfg.work_dir)
        if args.pick:
            picked = pick(read_results(work_dir, search.space), search.objectives, args.pick)
            for path in write_picked(picked, search, cfg, f'--pick {args.pick}', args.out or work_dir / 'picked.py'):
                print(path)
        else:
            run_search(search, cfg, work_dir, find_task(cfg), args.resume,
                       on_generation=lambda evaluations: write_report(evaluations, search.objectives, work_dir))


if __name__ == '__main__':
    main()
