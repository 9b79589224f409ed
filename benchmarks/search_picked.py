#!/usr/bin/env python
"""What a search of a real task found, with its picked network and others trained for as long: a JSON file for the documents."""
import argparse
import csv
import json
from datetime import date
from pathlib import Path

from mmmux.engine.machine import describe_machine


def front_of(work_dir: Path) -> list[dict]:
    """The front in a search's evaluations.csv, by multiply-adds."""
    with open(work_dir / 'evaluations.csv', newline='') as file:
        rows = [row for row in csv.DictReader(file) if row['front']]
    front = [dict(error=float(row['error']), params=int(row['params']), macs=int(row['macs'])) for row in rows]
    return sorted(front, key=lambda row: row['macs'])


def trained(text: str, metric: str) -> dict:
    """A training's last metric; `text` is NAME=PARAMS,MACS,WORK_DIR."""
    name, _, rest = text.partition('=')
    params, macs, work_dir = rest.split(',', 2)
    lines = [json.loads(line) for path in sorted(Path(work_dir).glob('*/vis_data/scalars.json'))
             for line in path.read_text().splitlines()]
    values = [line for line in lines if metric in line]
    return dict(name=name, params=int(params), macs=int(macs), epochs=values[-1]['step'], metric=round(values[-1][metric], 2))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('work_dir', type=Path, help='work dir of the search')
    parser.add_argument('--trained', nargs='+', default=[], metavar='NAME=PARAMS,MACS,WORK_DIR',
                        help='trainings to set beside each other, each with what its network costs')
    parser.add_argument('--out', type=Path, required=True, help='where the numbers go')
    args = parser.parse_args()
    header, *lines = [json.loads(line) for line in (args.work_dir / 'journal.jsonl').read_text().splitlines()]
    results = [line for line in lines if 'status' in line]
    *_, last = json.loads((args.work_dir / 'generations.json').read_text())
    result = dict(
        date=date.today().isoformat(), command='search_picked.py', machine=describe_machine(), metric=header['metric'],
        size=header['size'], budgets=header['budgets'], schedule=header['schedule'], seed=header['seed'],
        evaluations=len(results), done=sum(line['status'] == 'done' for line in results),
        seconds_of_an_evaluation=round(sum(line['seconds'] for line in results) / len(results), 1),
        hypervolume=last['hypervolume'], spearman=last['spearman_so_far'], kendall=last['kendall_so_far'],
        front=front_of(args.work_dir), trained=[trained(text, header['metric']) for text in args.trained])
    args.out.write_text(json.dumps(result, indent=2) + '\n')


if __name__ == '__main__':
    main()
