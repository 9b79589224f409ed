"""Make an environment ready for the demos and the tests; needs only the standard library, see --help.

Every step looks at what is there before it acts, so an interrupted run is completed by the next one.
"""
import argparse
import fcntl
import hashlib
import importlib.util
import os
import re
import shutil
import sys
import time
from pathlib import Path

from operators import Operators
from shell import SetupError, Shell
from stacks import ROOT, STACKS, Stack, is_whole

EPILOG = """\
openmmlab, in .venv, is for detection and segmentation; classification, in .venv-classification, for classification.

mmcv has compiled operators and must fit the installed torch. A ready-made wheel is tried first, from --wheels and from where
pip looks; if there is none, or it does not fit, mmcv is compiled with all its operators: 5 to 15 minutes, with CUDA if torch
sees a GPU and nvcc is there. MAX_JOBS (default: the number of cores), CFLAGS, CC and CXX are honoured. Classification takes
mmcv-lite, which has none.

Run it again after an interruption: it goes on where it stopped, also within the compilation. With nothing to do it ends
within a second. Output of the commands is kept in install.log in the environment's folder. To start over, delete the folder.
Exit status: 0 done, 2 not done, with one sentence that says why and what to do next."""


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Make an environment ready for the demos and the tests.', epilog=EPILOG,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--stack', choices=list(STACKS), default='openmmlab', help='the packages to install (%(default)s)')
    parser.add_argument('--wheels', type=Path, metavar='DIR', help='a folder with ready-made wheels, looked through first')
    parser.add_argument('--torch-index', metavar='URL',
                        help="the index torch, and a torchvision that has to fit it, are taken from, instead of pip's own")
    options = parser.parse_args()
    options.stack = STACKS[options.stack]
    if options.wheels and not options.wheels.is_dir():
        raise SetupError(f'--wheels {options.wheels} is not a folder: name one or leave it out')
    return options


def check_machine(stack: Stack) -> None:
    version = sys.version_info
    other = f'name another Python, as in `{stack.command} PYTHON=python3.11`'
    if not (3, 10) <= version[:2] <= (3, 12):
        raise SetupError(f'Python 3.10, 3.11 or 3.12 is needed and {sys.executable} is {version[0]}.{version[1]}: {other}')
    if not all(map(importlib.util.find_spec, ('venv', 'ensurepip'))):  # some Linux distributions package them apart
        raise SetupError(f'{sys.executable} lacks venv or ensurepip: install python{version[0]}.{version[1]}-venv or {other}')
    if (free := shutil.disk_usage(ROOT).free / 1e9) < 3 and not stack.distributions('torch-*'):
        raise SetupError(f'{ROOT} has {free:.1f} GB free and about 3 are needed: free some and run this again')


class Installer:

    def __init__(self, options: argparse.Namespace, log):
        self.stack = options.stack
        self.shell = Shell(self.stack, log, ['--find-links', options.wheels.resolve()] if options.wheels else [])
        self.torch_index = ['--index-url', options.torch_index] if options.torch_index else []
        lines = [line.split('#')[0].strip() for path in self.stack.requirements for line in path.read_text().splitlines()]
        self.pins = {re.match(r'[\w.-]+', line)[0]: line for line in lines if line and ';' not in line}
        self.compiled = self.pins[self.stack.compiled] if self.stack.compiled else None
        self.others = [line for line in lines if line and line != self.compiled]
        self.builders = ['wheel', 'ninja'] if self.compiled else ['wheel']

    def run_all(self) -> None:
        shell, stack = self.shell, self.stack
        steps = {
            'Python environment': self.make_environment,
            'torch': self.install_torch,
            'other packages': self.install_others,
            **({self.compiled: Operators(shell, self.compiled).install} if self.compiled else {}),
            'mmmux': lambda: shell.pip('-e', ROOT, '--no-deps', '--no-build-isolation', what='mmmux'),
            'check': lambda: shell.must_run(f'import {stack.modules}', 'what was installed cannot be imported'),
        }
        for number, (name, step) in enumerate(steps.items(), 1):
            shell.heading, started = f'[{number}/{len(steps)}] {name}', time.monotonic()
            shell.show(f'{shell.heading} ...', passing=True)
            step()
            shell.show(f'{shell.heading} done in {time.monotonic() - started:.0f} s')

    def make_environment(self) -> None:
        venv, complete = self.stack.venv, self.stack.venv / 'base-complete'
        if complete.exists() and self.stack.works() and all(map(is_whole, self.stack.distributions('pip-*'))):
            return self.remove_remains()
        if self.stack.python.is_symlink():
            self.shell.show(f'{venv} is incomplete or of another Python: making it anew')
        for path in (venv / name for name in ('base-complete', 'pyvenv.cfg', 'bin', 'include', 'lib', 'lib64', 'share')):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink(missing_ok=True)
        # Without links resolved, a Python of this very environment would be asked to remake itself.
        status, output = self.shell.run(os.path.realpath(sys.executable), '-m', 'venv', venv)
        if status:
            raise self.shell.failure('the virtual environment could not be made', output)
        self.shell.pip('pip>=23', self.pins['setuptools'], *self.builders, what='the build tools')
        complete.touch()

    def remove_remains(self) -> None:
        """Forget what pip was killed in the middle of: it takes a package for installed once its metadata is there."""
        for path in self.stack.venv.glob('lib/python3*/site-packages/~*'):
            shutil.rmtree(path, ignore_errors=True)
        for info in filter(lambda info: not is_whole(info), self.stack.distributions()):
            self.shell.show(f'{info.stem} is incomplete or damaged: installing it again')
            shutil.rmtree(info)

    def install_torch(self) -> None:
        self.shell.pip(self.pins['torch'], *self.torch_index, what='torch')
        if 'torchvision' in self.pins:  # from the same index: one built for CUDA does not fit a torch without, whatever its pin
            self.shell.pip(self.pins['torchvision'], '--no-deps', *self.torch_index, what='torchvision')

    def install_others(self) -> None:
        self.shell.pip(*self.builders, *self.others, what='a package')
        torchvision_if_any = 'import importlib.util as u; u.find_spec("torchvision") and __import__("torchvision")'
        if problem := self.shell.problem(torchvision_if_any):
            ours = 'torch torchvision' if 'torchvision' in self.pins else 'torchvision'
            raise SetupError(f'the torchvision in {self.stack.folder} was built for another torch ({problem}) and mmengine '
                             f'imports it: run `{self.stack.python} -m pip uninstall {ours}`, then this again')
        self.shell.must_run('import torch, numpy, cv2, mmengine', 'torch, OpenCV and mmengine cannot be imported together')


def fingerprint(options: argparse.Namespace) -> str:
    """Changes whenever a run might have something to do; --wheels only says where from, not what."""
    stack = options.stack
    files = [ROOT / 'setup.py', *sorted(Path(__file__).parent.glob('*.py')), *stack.requirements]
    shipped = [ROOT / folder / name for folder in ('', 'mmmux/.mim') for name in ('configs', 'tools', 'model-index.yml')]
    facts = [sys.version_info[:2], ROOT, stack.name, options.torch_index, [path.exists() for path in shipped],
             [info.name for info in stack.distributions()]]
    return hashlib.sha256(b''.join(path.read_bytes() for path in files) + repr(facts).encode()).hexdigest()


def open_log(stack: Stack):
    """The log is the lock that keeps two runs apart: a command holds it too, even if the run that started it was killed."""
    stack.venv.mkdir(exist_ok=True)
    log = open(stack.log, 'a')  # noqa: SIM115 - held until this process and its commands have ended
    try:
        fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print(f'another setup is still at work in {stack.folder}: waiting for it', flush=True)
        fcntl.flock(log, fcntl.LOCK_EX)
    return log


def make_ready(options: argparse.Namespace) -> None:
    stack, log = options.stack, open_log(options.stack)
    stamp = stack.venv / 'installed'
    unchanged = stamp.is_file() and stamp.read_text() == fingerprint(options)
    if unchanged and stack.works() and all(map(is_whole, stack.distributions())):
        return
    stamp.unlink(missing_ok=True)
    Installer(options, log).run_all()
    stamp.write_text(fingerprint(options))


def main() -> int:
    try:
        options = parse_options()
        check_machine(options.stack)
        make_ready(options)
        return 0
    except (SetupError, KeyboardInterrupt) as error:
        sentence = str(error) or 'interrupted; run this again to go on'
    except OSError as error:
        sentence = f'{error}; see that the disk is not full and {ROOT} can be written, then run this again'
    print(f'\nsetup: {sentence}', file=sys.stderr)
    return 2


if __name__ == '__main__':
    sys.exit(main())
