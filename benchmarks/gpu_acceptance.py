#!/usr/bin/env python
"""Train and test a detector and a segmentor on a GPU, in at most ten minutes, and write the results to a JSON file.

The script

1. builds mmcv with CUDA, unless its operators run on the GPU already;
2. trains the first half of SSDLite on bccd with mmdet's own tools in mixed precision, resumes it to the end, and tests it;
3. does the same with C1 on camvid and mmsegmentation's tools;
4. runs the tests that need a GPU.

Each step has its own time limit and status in the JSON file, which is written after each step; a failed step does not stop the
others. If data/bccd or data/camvid (README, "Data") is missing, the script draws images instead, and the file states it. Exit
status: 0 if all steps passed, 1 if a step failed, 2 if no step could run.
"""
import argparse
import json
import os
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from datetime import date
from importlib.machinery import PathFinder
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from acceptance_tasks import DETECTION, SEGMENTATION, Task, resumed, tested
from step_record import FAILED, LEFT_OUT, PASSED, StepError, StepRecord

ROOT = Path(__file__).resolve().parents[1]
GPU = ('import json, torch; p = torch.cuda.get_device_properties(0); print(json.dumps(dict(name=p.name, '
       'compute_capability=f"{p.major}.{p.minor}", memory_gib=round(p.total_memory / 2**30), cuda=torch.version.cuda)))')
OPERATORS = ('import torch; from mmcv.ops import nms; boxes = torch.ones(1, 4, device="%s"); nms(boxes, boxes[0, :1], 0.5); '
             'import json; from mmmux.utils.machine import describe_machine; print(json.dumps(describe_machine()))')
DRAW = 'from mmmux.datasets import {0}; {0}.draw_data_set("{1}", {2}, {3})'
KEPT = ('torch', 'torchvision', 'triton', 'nvidia')  # never replaced: they match the GPU's driver and the compiler
# The time limit of each step, as a share of --minutes.
SHARES = dict(packages=0.15, build=0.55, operators=0.1, pictures=0.15, training=0.17, test=0.12, tests=0.2)


class Acceptance:
    """Run the steps with the options of the command line."""

    def __init__(self, options: argparse.Namespace):
        self.options, work_dir = options, options.work_dir.absolute()
        self.packages, self.folder = work_dir / 'packages', work_dir / time.strftime('%Y%m%d_%H%M%S')
        places = [str(ROOT), str(self.packages), *filter(None, [os.environ.get('PYTHONPATH')])]
        self.environment = {'PYTHONPATH': os.pathsep.join(places), 'PYTHONUNBUFFERED': '1'}
        if options.device == 'cpu':
            self.environment['CUDA_VISIBLE_DEVICES'] = ''
        self.gpu = self._look_at_gpu() if options.device == 'cuda' else None
        facts = dict(date=date.today().isoformat(), command=_command(), device=options.device, gpu=self.gpu, seed=options.seed,
                     machine={}, results={})
        # The result file names no folder of this machine.
        names = {f'{Path(place).absolute()}/': '' for place in sys.path if Path(place).is_dir()}
        names.update({f'{ROOT}/': '', f'{self.folder}/': '', f'{work_dir}/': '', sys.executable: 'python'})
        names.update({f'{place.absolute()}': place.name for place in (options.bccd, options.camvid, options.wheels) if place})
        self.record = StepRecord(options.out, options.minutes, facts, self.folder, names)
        self.real = {task.name: self._real_data(task) for task in (DETECTION, SEGMENTATION)}

    def run_all(self) -> bool:
        """Run all steps; return whether all passed."""
        if self.options.wheels:
            self.install_packages()
        if self.gpu and self._python(OPERATORS % 'cuda').returncode:
            self.build_operators()
        self.step('operators', ['-c', OPERATORS % self.options.device], read=_machine, into=self.record.data['machine'])
        self.draw_pictures()
        for task in (DETECTION, SEGMENTATION):
            self.train_and_test(task)
        self.run_tests()
        return self.record.passed

    def step(self, name: str, command: list, share: str = '', cwd: Path | None = None, **more) -> bool:
        return self.record.run(name, [sys.executable, *command], SHARES[share or name], self.environment, cwd or self.folder,
                               **more)

    def install_packages(self) -> None:
        """Install the wheels that this Python lacks into a separate folder."""
        wheels = [wheel.absolute() for wheel in sorted(self.options.wheels.glob('*.whl')) if not _is_here(wheel)]
        if wheels:
            self.step('packages', ['-m', 'pip', 'install', '--no-index', '--no-deps', '--upgrade', '--target', self.packages,
                                   *wheels])

    def build_operators(self) -> None:
        wheels = ['--wheels', self.options.wheels.absolute()] if self.options.wheels else []
        self.step('build', [ROOT / 'benchmarks/build_operators.py', '--target', self.packages, '--arch',
                            self.gpu['compute_capability'], '--venv', self.packages.with_name('build'), *wheels])

    def draw_pictures(self) -> None:
        """Draw a substitute for each real data set that is missing."""
        train, test = self.options.drawn, max(4, self.options.drawn // 4)
        if code := [DRAW.format(task.drawn, self._data(task), train, test) for task in (DETECTION, SEGMENTATION)
                    if not self.real[task.name]]:
            self.step('pictures', ['-c', '; '.join(code)])

    def train_and_test(self, task: Task) -> None:
        """Train the first half, resume to the end, and test."""
        options, data, work_dir = self.options, self._data(task), self.folder / task.name
        config = f'configs/{task.config if self.real[task.name] else task.drawn_config}'
        total, mixed = getattr(options, f'{task.unit}s'), options.device == 'cuda'
        result = self.record.data['results'][task.name] = {
            'model': task.model, 'config': config, f'{task.unit}s': total, 'data': task.data,
            **({} if self.real[task.name] else {'data': f'{task.drawn.replace("_", " ")}: {task.data} is missing'}),
            **({} if mixed else {'amp': "left out: mmengine's mixed precision needs a GPU"})}
        tools, loading = self._tools(task.package), task.loading(data, options.workers)
        steps = {name: f'{task.name}: {name}' for name in ('data', 'train', 'resume', 'test')}

        def train(name: str, length: int, *more: str, **reading) -> None:
            changes = ['--cfg-options', *task.training(length, total, options.seed), *loading]
            self.step(steps[name], [tools / 'train.py', ROOT / config, '--work-dir', work_dir, *['--amp'] * mixed, *more,
                                    *changes], 'training', **reading)

        if self.real[task.name]:
            self._check_data(steps['data'], task)
        train('train', total // 2, after=[steps['data'] if self.real[task.name] else 'pictures'])
        train('resume', total, '--resume', after=[steps['train']], into=result,
              read=lambda printed: resumed(task, printed, work_dir, total // 2))
        self.step(steps['test'], [tools / 'test.py', ROOT / config, task.checkpoint(work_dir, total), '--work-dir',
                                  work_dir / 'test', '--cfg-options', *loading], 'test',
                  after=[steps['resume']], into=result, read=lambda _: tested(task, work_dir / 'test'))

    def run_tests(self) -> None:
        """Run the tests that need a GPU; they come last, because the trainings matter more."""
        if not self.gpu:
            self.record.note('tests', LEFT_OUT, 'the tests need a GPU, and torch finds none')
            return
        files = [path for path in sorted((ROOT / 'tests').rglob('test_*.py')) if 'import GPU' in path.read_text()]
        report = self.folder / 'tests.xml'
        self.step('tests', ['-m', 'pytest', '-q', '-m', 'gpu', f'--junitxml={report}', *files], cwd=ROOT,
                  read=lambda _: _test_counts(report))

    def _look_at_gpu(self) -> dict:
        found = self._python(GPU)
        if found.returncode:
            reason = (found.stderr.strip() or '?').splitlines()[-1]
            print(f'error: torch finds no GPU ({reason}): use a Python whose torch is built for CUDA, on a machine with a GPU, '
                  'or try the script without one: --device cpu', file=sys.stderr)
            raise SystemExit(2)
        return json.loads(found.stdout)

    def _python(self, code: str) -> subprocess.CompletedProcess:
        environment = {**os.environ, **self.environment}
        return subprocess.run([sys.executable, '-c', code], env=environment, capture_output=True, text=True, timeout=120)

    def _real_data(self, task: Task) -> Path | None:
        """Return the folder of the real data set, or None if it is missing and images are drawn instead."""
        if given := getattr(self.options, task.data):
            return given.absolute()
        usual = Path('data', task.data).absolute()
        return usual if usual.is_dir() else None

    def _data(self, task: Task) -> Path:
        return self.real[task.name] or self.folder / 'data' / task.drawn

    def _check_data(self, name: str, task: Task) -> None:
        folder = self.real[task.name]
        missing = [part for part in task.layout if not (folder / part).exists()]
        if missing:
            self.record.note(name, FAILED, f'{folder} has no {missing[0]}: give a folder with the layout of README, "Data", or '
                             f'leave --{task.data} out to use data/{task.data} or drawn pictures')
        else:
            self.record.note(name, PASSED)

    def _tools(self, package: str) -> Path:
        """Return the folder of the tools that are installed with a package."""
        spec = PathFinder.find_spec(package, [str(self.packages), *sys.path])
        return Path(spec.submodule_search_locations[0] if spec else package) / '.mim/tools'


def _machine(printed: str) -> dict:
    found = json.loads(printed.splitlines()[-1])
    return {key: found[key] for key in ('processor', 'cores', 'system', 'python', 'versions')}


def _test_counts(report: Path) -> dict:
    """Read the counts from pytest's report; raise StepError if there are no tests or a test was skipped despite the GPU."""
    suite = ET.parse(report).getroot().find('testsuite')
    counts = {key: int(suite.get(key)) for key in ('tests', 'failures', 'errors', 'skipped')}
    if counts['skipped'] or not counts['tests']:
        raise StepError(f'{counts["skipped"]} of {counts["tests"]} tests that need a GPU were skipped on a machine with one')
    return counts


def _is_here(wheel: Path) -> bool:
    """Return whether this Python has a wheel's package in that version, or must keep its own version."""
    name, number = wheel.name.split('-')[:2]
    try:
        return name.split('_')[0].lower() in KEPT or version(name.replace('_', '-')) == number
    except PackageNotFoundError:
        return False


def _command() -> str:
    """Return the command line, with absolute paths reduced to their last part."""
    return ' '.join([Path(sys.argv[0]).name, *(Path(word).name if Path(word).is_absolute() else word for word in sys.argv[1:])])


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add('--device', choices=['cuda', 'cpu'], default='cuda',
        help='cuda, or cpu to try the script itself without a build and without mixed precision (default: %(default)s)')
    add('--wheels', '--find-links', type=Path, metavar='DIR',
        help="folder with wheels of the packages that this Python lacks and with mmcv's source (mmcv-*.tar.gz), for machines "
             'without a network')
    add('--bccd', type=Path, metavar='DIR', help='folder of BCCD (default: data/bccd, else drawn shapes)')
    add('--camvid', type=Path, metavar='DIR', help='folder of CamVid (default: data/camvid, else drawn scenes)')
    add('--drawn', type=int, default=320, help='number of drawn training pictures (default: %(default)s)')
    add('--epochs', type=int, default=20, help='number of epochs of the detector, even (default: %(default)s)')
    add('--iterations', dest='iters', type=int, default=600,
        help='number of iterations of the segmentor, even (default: %(default)s)')
    add('--workers', type=int, default=min(8, (os.cpu_count() or 1) // 2),
        help='number of processes that load pictures; 0 loads them in the training process (default: %(default)s)')
    add('--seed', type=int, default=0, help='seed of the trainings (default: %(default)s)')
    add('--minutes', type=float, default=10, help='time limit of all steps in minutes (default: %(default)s)')
    add('--work-dir', type=Path, default=Path('work_dirs/gpu_acceptance'),
        help='folder for the trainings (default: %(default)s)')
    add('--out', type=Path, default=Path('benchmarks/results/gpu_acceptance.json'),
        help='JSON file to write (default: %(default)s)')
    options = parser.parse_args()
    for name, number in (('epochs', options.epochs), ('iterations', options.iters)):
        if number < 2 or number % 2:
            parser.error(f'--{name} {number} cannot be halved: give an even number from 2 on')
    if options.wheels and not options.wheels.is_dir():
        parser.error(f'--wheels {options.wheels} is not a folder: give the path of one, or leave --wheels out')
    return options


def main() -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # an exit also ends the running step's process
    acceptance = Acceptance(parse_options())
    passed = acceptance.run_all()
    print(f'written: {acceptance.options.out}')
    return 0 if passed else 1


if __name__ == '__main__':
    sys.exit(main())
