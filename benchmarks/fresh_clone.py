#!/usr/bin/env python
"""Measure the time of each make target in a fresh clone of the committed state, and the size of the environments.

    python benchmarks/fresh_clone.py with_wheels --wheels DIR
    python benchmarks/fresh_clone.py without_wheels --targets setup

Each run replaces its own entry in the result file and keeps the others.
"""
import argparse
import json
import re
import subprocess
import tempfile
import time
from pathlib import Path

from mmmux.utils.atomic_write import write_json
from mmmux.utils.machine import describe_machine

ROOT = Path(__file__).resolve().parents[1]


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('name', choices=('with_wheels', 'without_wheels'), help='name of the entry in the result file')
    parser.add_argument('--targets', nargs='+', default=['setup', 'demo', 'test', 'test-all'], metavar='TARGET',
                        help='make targets, with variables as in "test-family STACK=onedl" (default: setup demo test test-all)')
    parser.add_argument('--wheels', type=Path, metavar='DIR', help='value of the make variable WHEELS')
    parser.add_argument('--folder', type=Path, metavar='DIR', help='folder for the clone, which stays (default: temporary)')
    parser.add_argument('--out', type=Path, default=ROOT / 'benchmarks/results/fresh_clone.json',
                        help='JSON file to write (default: %(default)s)')
    return parser.parse_args()


def run_target(clone: Path, target: str, wheels: Path | None) -> dict:
    command = ['make', *target.split(), *([f'WHEELS={wheels.resolve()}'] if wheels else [])]
    began = time.monotonic()
    done = subprocess.run(command, cwd=clone, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    seconds = round(time.monotonic() - began, 1)
    summaries = re.findall(r'^=+ (.* in [\d.]+s.*?) =+$', done.stdout, re.MULTILINE)
    (clone / f'{target.split()[0]}.log').write_text(done.stdout)
    return dict(seconds=seconds, status=done.returncode, summary=summaries[-1] if summaries else '')


def gigabytes(folder: Path) -> float:
    """Return the size of a folder on disk in GB; 0 if it does not exist."""
    kilobytes = subprocess.check_output(['du', '-sk', folder], text=True).split()[0] if folder.exists() else 0
    return round(int(kilobytes) * 1024 / 1e9, 1)


def main() -> None:
    args = parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        clone = (args.folder or Path(temporary)).resolve() / 'mmmux'
        subprocess.run(['git', 'clone', '-q', '--no-hardlinks', ROOT, clone], check=True)
        targets = {}
        for target in args.targets:
            targets[target] = run_target(clone, target, args.wheels)
            print(target, targets[target], flush=True)
            sizes = {folder.name: gigabytes(folder) for folder in sorted(clone.glob('.venv*'))}
            commit = subprocess.check_output(['git', 'rev-parse', '--short', 'HEAD'], cwd=clone, text=True).strip()
            entry = dict(targets=targets, gigabytes=sizes, commit=commit, **describe_machine())
            results = json.loads(args.out.read_text()) if args.out.exists() else {}
            write_json(args.out, {**results, args.name: entry})


if __name__ == '__main__':
    main()
