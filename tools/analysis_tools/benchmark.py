#!/usr/bin/env python
"""Time the models of several configs in several runtimes, side by side in one run.

Each round times every row once, in turn. Medians over the rounds are reported with the quartiles, the ratio to the first row,
and peak memory. Weights are random.
"""
import argparse
import itertools
import json
import tempfile
from pathlib import Path

from mmmux.analysis.complexity import input_shape
from mmmux.config import load_config
from mmmux.deploy import benchmark
from mmmux.tasks import task_of
from mmmux.utils import cli
from mmmux.utils.machine import describe_machine


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('configs', nargs='+', help='config files')
    parser.add_argument('--runtimes', nargs='+', choices=benchmark.RUNTIMES, default=['eager'], help='default: eager')
    parser.add_argument('--forms', nargs='+', choices=benchmark.FORMS, default=['exact'],
                        help='the network as trained (plain), its exact form, the exact form with the fastest form of each '
                             'stage (tuned, for MUXNet; measured first), or several of them (default: exact)')
    parser.add_argument('--precisions', nargs='+', choices=benchmark.TYPES, default=['fp32'], help='default: fp32')
    parser.add_argument('--devices', nargs='+', choices=['cpu', 'cuda'], default=['cpu'], help='default: cpu')
    parser.add_argument('--backbone', action='store_true', help='time the backbones alone')
    parser.add_argument('--shape', type=int, nargs=2, metavar=('HEIGHT', 'WIDTH'),
                        help='size of the pictures (default: what the first config tests at)')
    parser.add_argument('--batch', type=int, default=1, help='pictures at once (default: %(default)s)')
    parser.add_argument('--rounds', type=int, default=50, help='timed rounds (default: %(default)s)')
    parser.add_argument('--threads', type=int, default=2, help='CPU threads (default: %(default)s)')
    parser.add_argument('--no-memory', action='store_true', help='do not measure peak memory, which starts each row once more')
    parser.add_argument('--out', type=Path, help='JSON file to write')
    cli.add_version(parser)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    with cli.sentences():
        configs = [load_config(path) for path in args.configs]
        height, width = args.shape or input_shape(configs[0])
        work = benchmark.Workload(args.batch, height, width, args.backbone, args.threads)
        combinations = itertools.product(args.devices, args.precisions, args.runtimes, args.configs, args.forms)
        entries = [benchmark.Entry(config, runtime, form, precision, device)
                   for device, precision, runtime, config, form in combinations]
        with tempfile.TemporaryDirectory() as folder:
            steps = {entry: benchmark.make_step(entry, work, Path(folder), task_of) for entry in entries}
            rows = benchmark.summarise(benchmark.timed(steps, args.rounds))
        for entry, row in zip(entries, rows):
            row['peak_mib'] = None if args.no_memory else benchmark.peak_mib(entry, work, task_of)
            row['config'] = Path(row['config']).name
    show(rows)
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        result = dict(**describe_machine(), shape=[height, width], batch=args.batch, rounds=args.rounds, rows=rows)
        result.update(threads=args.threads)
        args.out.write_text(json.dumps(result, indent=2) + '\n')
        print(f'written: {args.out}')


def show(rows: list[dict]) -> None:
    print(f'{"config":<50}{"form":<7}{"runtime":<10}{"":<6}{"device":<7}{"median ms":>10}{"quartiles ms":>20}{"ratio":>7}'
          f'{"MiB":>6}')
    for row in rows:
        low, high = row['quartiles_ms']
        print(f'{row["config"]:<50}{row["form"]:<7}{row["runtime"]:<10}{row["precision"]:<6}{row["device"]:<7}'
              f'{row["median_ms"]:>10.2f}{f"{low:.2f} to {high:.2f}":>20}{row["ratio"]:>7.2f}'
              f'{"-" if row["peak_mib"] is None else row["peak_mib"]:>6}')
    unclear = [row for row in rows if not row['conclusive']]
    if unclear:
        print(f'warning: {len(unclear)} of {len(rows)} rows spread by more than {benchmark.WIDE:.0%} between their quartiles: '
              'something else was running, and small differences mean nothing')


if __name__ == '__main__':
    main()
