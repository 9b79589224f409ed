#!/usr/bin/env python
"""Measure how many cores each executor of the search keeps busy: CPU time of all evaluations divided by the elapsed time."""
import argparse
import os
import tempfile
import time
from pathlib import Path

from mmmux.search.executors import make_executor
from mmmux.search.trial_process import TrialSpec, trial_folder
from mmmux.utils.atomic_write import write_json
from mmmux.utils.machine import describe_machine, usable_cores


def compute(spec: TrialSpec) -> dict[str, float]:
    """Evaluate a trial: keep a core busy for `seconds` of CPU time, and return a constant score."""
    while time.process_time() < spec.arguments['seconds']:
        pass
    return dict(score=1.)


def measure(settings: dict, evaluations: int, seconds: float) -> dict:
    """Run evaluations with one executor; return the CPU time, the elapsed time and the number of busy cores.

    Args:
        settings: config of the executor; its start is not timed.
        evaluations: number of evaluations.
        seconds: CPU time of each in seconds.
    """
    with tempfile.TemporaryDirectory() as folder, make_executor(settings) as executor:
        specs = [TrialSpec(0, index, (index, ), trial_folder(folder, 0, index), 0, 'score', arguments=dict(seconds=seconds),
                           function='search_executors:compute') for index in range(evaluations)]
        started = time.monotonic()
        statuses = [result.status for _, result in executor.run(specs)]
        wall = time.monotonic() - started
    assert statuses == ['done'] * evaluations, statuses
    return dict(executor=settings, evaluations=evaluations, processor_seconds=evaluations * seconds, seconds=round(wall, 2),
                busy_cores=round(evaluations * seconds / wall, 2))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--seconds', type=float, default=20, help='CPU time of an evaluation in seconds (default: %(default)s)')
    parser.add_argument('--out', type=Path, default=Path(__file__).parent / 'results/search_executors.json',
                        help='JSON file to write (default: %(default)s)')
    args = parser.parse_args()
    # The evaluations' processes import `compute` from this file.
    here = str(Path(__file__).resolve().parent)
    os.environ['PYTHONPATH'] = os.pathsep.join(filter(None, [here, os.environ.get('PYTHONPATH')]))
    cores = usable_cores()
    runs = [measure(settings, 3 * cores, args.seconds) for settings in (
        dict(type='local', workers=1), dict(type='local', workers=cores), dict(type='ray', cpus=1))]
    for run in runs:
        print(f'{run["executor"]}: {run["busy_cores"]} of {cores} cores')
    write_json(args.out, dict(machine=describe_machine(), runs=runs))


if __name__ == '__main__':
    main()
