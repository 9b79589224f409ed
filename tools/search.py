#!/usr/bin/env python
"""Search for MUXNet architectures of low error and low cost.

The search minimises error, parameters and multiply-adds at the same time. Each
result is appended to journal.jsonl in the work dir. After each generation,
front.png, hypervolume.png and evaluations.csv are written there. An interrupted
search continues with --resume.
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
        epilog='examples:\n'
        '  tools/search.py CONFIG                                start a search\n'
        '  tools/search.py CONFIG --resume                       continue it\n'
        '  tools/search.py CONFIG --pick knee                    write the config of one result\n'
        '  tools/search.py CONFIG --pick params=1.8e6,macs=66e6  the same for the lowest error within a budget\n'
        '  tools/train.py work_dirs/CONFIG_NAME/picked.py        train that network')
    parser.add_argument('config', type=Path, help="config file with a field 'search', for example a file in configs/search/")
    parser.add_argument('--work-dir', type=Path, help='folder of the search (default: work_dirs/<config name>)')
    parser.add_argument('--resume', action='store_true', help='continue the search in the work dir (default: start a new one)')
    parser.add_argument('--pick', metavar='HOW',
                        help='do not search, but choose one result and write its config and a table of its architecture. HOW '
                        'is knee (the knee of the front), a budget such as params=1.8e6,macs=66e6 (the lowest error within '
                        'it), or weights such as error=1,params=0.3,macs=0.3 (the smallest weighted sum of the scaled '
                        'objectives)')
    parser.add_argument('--out', type=Path, metavar='FILE.py',
                        help='file that --pick writes; the table has the suffix .md (default: picked.py in the work dir)')
    cli.add_cfg_options(parser)
    cli.add_version(parser)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    with cli.sentences():
        need('search', 'pymoo', 'moocore', 'sklearn', 'scipy', 'threadpoolctl')
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
            run_search(search, cfg, work_dir, args.resume, task=find_task(cfg),
                       on_generation=lambda evaluations: write_report(evaluations, search.objectives, work_dir))


if __name__ == '__main__':
    main()
