#!/usr/bin/env python
"""Time the models of several configs in several runtimes, side by side in one run.

Each round times every row once, in turn. Medians over the rounds are reported with the quartiles, the ratio to the first row,
and peak memory. Weights are random.
"""
import argparse
import itertools
import tempfile
from pathlib import Path

from mmmux.analysis.complexity import input_shape
from mmmux.config import load_config
from mmmux.deploy import benchmark
from mmmux.deploy.peak_memory import peak_mib
from mmmux.deploy.timing import WIDE, timed
from mmmux.tasks import task_of
from mmmux.utils import cli
from mmmux.utils.atomic_write import write_json
from mmmux.utils.machine import describe_machine


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('configs', nargs='+', help='config files')
    parser.add_argument('--runtimes', nargs='+', choices=benchmark.RUNTIMES, default=['eager'],
                        help='runtimes to time (default: eager)')
    parser.add_argument('--forms', nargs='+', choices=benchmark.FORMS, default=['exact'],
                        help='forms of the network to time: as trained (plain), exact, or exact with the fastest form of each '
                             'stage, which is measured first (tuned, for MUXNet) (default: exact)')
    parser.add_argument('--precisions', nargs='+', choices=benchmark.TYPES, default=['fp32'],
                        help='number types to time (default: fp32)')
    parser.add_argument('--devices', nargs='+', choices=['cpu', 'cuda'], default=['cpu'],
                        help='devices to time on (default: cpu)')
    parser.add_argument('--backbone', action='store_true', help='time the backbones only (default: whole models)')
    parser.add_argument('--shape', type=int, nargs=2, metavar=('HEIGHT', 'WIDTH'),
                        help='size of the pictures in pixels (default: the test size of the first config)')
    parser.add_argument('--batch', type=int, default=1, help='number of pictures in a batch (default: %(default)s)')
    parser.add_argument('--rounds', type=int, default=50, help='number of timed rounds (default: %(default)s)')
    parser.add_argument('--threads', type=int, default=2, help='number of CPU threads (default: %(default)s)')
    parser.add_argument('--no-memory', action='store_true',
                        help='do not measure peak memory, for which each row runs once more in its own process')
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
            rows = benchmark.rows_of(timed(steps, args.rounds))
        for entry, row in zip(entries, rows):
            row['peak_mib'] = None if args.no_memory else peak_mib(
                entry.device, benchmark.make_step_alone, entry, work, task_of)
            row['config'] = Path(row['config']).name
    show(rows)
    if args.out:
        result = dict(**describe_machine(), shape=[height, width], batch=args.batch, rounds=args.rounds, rows=rows)
        result.update(threads=args.threads)
        write_json(args.out, result)
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
        print(f'warning: {len(unclear)} of {len(rows)} rows have quartiles that differ by more than {WIDE:.0%}: other '
              'programs used the machine, and small differences between rows are not significant')


if __name__ == '__main__':
    main()
