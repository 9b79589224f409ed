"""Install the packages for the demos and the tests into an environment; this program uses only the standard library.

An environment that this program did not make is never changed; it is used if it holds all needed packages. A new run continues
where the last one stopped, also within the compilation of mmcv, which reads MAX_JOBS, CFLAGS, CC, CXX and FORCE_CUDA.
"""
import argparse
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DENSE = 'torchvision, mmcv.ops, mmdet, mmseg, mmpretrain, onnxruntime, openvino, nncf, pymoo, ray, pytest, xdist, ruff, mmmux'
STACKS = {  # requirements besides torch, the mmcv with compiled operators, modules that must be importable in the end
    **{name: (['torchvision', '-e', f'{ROOT}[{name},deploy,search,labels,tiles]'], mmcv, DENSE)
       for name, mmcv in (('openmmlab', 'mmcv'), ('onedl', 'onedl-mmcv'))},
    'oldest': (['-e', f'{ROOT}[search]', 'mmengine', 'mmcv-lite', 'onnx', 'onnxruntime'], '', 'mmcv, onnx, pymoo, mmmux')}
OPERATORS = 'import mmcv.ops, torch; x = torch.ones(1, 4); mmcv.ops.nms(x, x.sum(1), 1); ' \
            'torch.cuda.is_available() and mmcv.ops.nms(x.cuda(), x.cuda().sum(1), 1)'  # a build without CUDA imports, too
REMEDIES = {'No space|quota': 'free 10 GB', 'Killed|allocate memory': 'set MAX_JOBS=1', r'Python\.h': 'install python3-dev',
            'ensurepip': 'install python3-venv', 'CUDA_HOME|nvcc': 'install nvcc, or `export CUDA_VISIBLE_DEVICES=`',
            r'libGL\.so|libgthread': 'install libgl1 and libglib2.0-0', r'[cg]\+\+.*not found': 'install g++',
            'NewConnection|[Nn]ame ?[Rr]esolution|unreachable|timed out|versions: none': "check the network and pip's index"}


class Setup:
    def __init__(self, options: argparse.Namespace):
        self.options, self.venv, self.tty = options, options.venv.absolute(), sys.stdout.isatty()
        self.python, self.mark = self.venv / 'bin/python', self.venv / 'mmmux-setup'
        self.packages, self.mmcv, self.modules = STACKS[options.stack]
        wheels = ['--find-links', options.wheels.resolve()] if options.wheels else []
        self.more = ['-c', Path(__file__).with_name(f'{options.stack}.txt'), *wheels]
        self.environment = {**os.environ, 'PYTHONPATH': '', 'PYTHONNOUSERSITE': '1', 'PIP_USER': '0', 'PIP_NO_INPUT': '1'}

    def make_ready(self) -> None:
        if self.venv.exists() and any(self.venv.iterdir()) and not self.mark.exists():
            return self.check_foreign()
        self.venv.mkdir(parents=True, exist_ok=True)
        self.mark.touch()
        with open(self.venv / 'install.log', 'a') as self.log:
            # The commands inherit the lock, so a second setup waits for those that a killed setup has started.
            fcntl.flock(self.log, fcntl.LOCK_EX)
            stack, _, ready = self.mark.read_text().partition(' ')
            if stack not in ('', self.options.stack):
                sys.exit(f'{self.venv} holds the packages of {stack}, not of {self.options.stack}: name another folder, as in '
                         f'VENV=.venv-{self.options.stack}')
            if ready != self.fingerprint():
                self.mark.write_text(f'{self.options.stack} ')
                self.install()
                self.mark.write_text(f'{self.options.stack} {self.fingerprint()}')

    def fingerprint(self) -> str:
        """Return a hash that changes whenever the environment may need an installation."""
        files = [ROOT / 'setup.py', ROOT / 'pyproject.toml', *Path(__file__).parent.glob('*.*')]
        there = [path for path in (self.python, ROOT / 'mmmux/.mim', *self.distributions()) if path.exists()]
        facts = [sys.version_info[:2], ROOT, self.options.torch_index, *there]
        return hashlib.sha256(b''.join(path.read_bytes() for path in sorted(files)) + repr(facts).encode()).hexdigest()

    def distributions(self) -> list:
        return sorted(self.venv.glob('lib/python3*/site-packages/*.dist-info'))

    def check_foreign(self) -> None:
        check = [self.python, '-W', 'ignore', '-c', f'import {self.modules}']
        found = subprocess.run(check, cwd=self.venv, capture_output=True, text=True) if self.python.exists() else None
        if not found or found.returncode:
            lack = [*found.stderr.splitlines(), f'status {found.returncode}'][-2:][0] if found else 'it has no Python'
            sys.exit(f'{self.venv} was not made by this program, so it is not changed, and it cannot be used ({lack}): install '
                     'the missing packages there, delete it, or name another folder, as in '
                     f'`make setup VENV={self.options.venv}-mmmux`')

    def install(self) -> None:
        if not self.python.exists() or self.run(self.python, '-m', 'pip', '--version')[0]:
            self.step('Python environment', os.path.realpath(sys.executable), '-m', 'venv', self.venv)
        if self.run(self.python, '-c', f'import sys; sys.exit(sys.version_info[:2] != {sys.version_info[:2]})')[0]:
            sys.exit(f'{self.venv} was made with another Python than {sys.executable}: delete it, or name another folder, as '
                     'in VENV=.venv-2')
        torch = ['torch', *({'torchvision'} & set(self.packages))]
        if self.options.torch_index:  # that index has few of the packages that torch needs
            self.pip('torch of its index', '--no-deps', '--index-url', self.options.torch_index, *torch)
        self.pip('torch', *torch)
        self.pip('build tools', 'setuptools', 'wheel', 'ninja')
        ready_made = self.python, '-m', 'pip', 'install', '--force-reinstall', '--no-deps', '--only-binary=:all:', self.mmcv
        if self.mmcv and self.run(self.python, '-c', OPERATORS)[0] and self.run(*ready_made, *self.more)[0]:
            self.compile_mmcv()
        self.pip('other packages', *self.packages, '-r', Path(__file__).with_name('tests.txt'))
        if self.mmcv and self.run(self.python, '-c', OPERATORS)[0]:
            self.compile_mmcv()
        self.step('check', self.python, '-W', 'ignore', '-c', f'import {self.modules}')

    def compile_mmcv(self) -> None:
        """Build in a folder that remains after an interruption, so that ninja continues where it stopped."""
        torch, = (info.stem for info in self.distributions() if info.name.startswith('torch-'))
        folder = self.venv / f'build/{self.mmcv}-{torch}'
        if not (folder / 'source').exists():
            shutil.rmtree(folder, ignore_errors=True)
            self.step(f'source of {self.mmcv}', self.python, '-m', 'pip', 'download', '--no-deps', '--no-build-isolation',
                      '--no-binary=:all:', '--dest', folder, self.mmcv, *self.more)
            shutil.unpack_archive(next(folder.glob('*.tar.gz')), folder / 'unpacked')
            script, = folder.glob('unpacked/*/setup.py')
            if tuple(map(int, re.findall(r'\d+', torch)[:2])) >= (2, 14):  # its headers need C++20
                script.write_text(script.read_text().replace('-std=c++17', '-std=c++20'))
            script.parent.rename(folder / 'source')
        path = [str(self.venv / 'bin'), os.environ['PATH'], os.environ.get('CUDA_HOME', '/usr/local/cuda') + '/bin']
        defaults = {'CFLAGS': '-O2 -g0 -DNDEBUG', 'MAX_JOBS': str(os.cpu_count())}  # the flags halve the time
        self.pip(f'compilation of {self.mmcv}, 5 to 15 minutes', '-v', '--no-build-isolation', '--no-deps', '--force-reinstall',
                 folder / 'source', env={**defaults, **self.environment, 'PATH': os.pathsep.join(path), 'MMCV_WITH_OPS': '1'})

    def pip(self, what: str, *arguments, env=None) -> None:
        self.step(what, self.python, '-m', 'pip', 'install', '--progress-bar=off', *arguments, *self.more, env=env)

    def step(self, what: str, *command, env=None) -> None:
        started = time.monotonic()
        status, output = self.run(*command, what=what, env=env)
        if status:
            remedy = next((do for says, do in REMEDIES.items() if re.search(says, output)), 'correct the cause in the log')
            cause = (re.findall('(?im)^.*(?:error|no space|killed).*$', output) or output.splitlines() or ['no output'])[-1]
            sys.exit(f'{what} failed ("{cause.strip()[:300]}"): {remedy} and run this again (log {self.log.name})')
        print(f'\r{what}: done in {time.monotonic() - started:.0f} s' + '\033[K' * self.tty, flush=True)

    def run(self, *command, what: str = '', env=None) -> tuple[int, str]:  # exit status and output, which is in the log, too
        print('\n$', *command, file=self.log, flush=True)
        start, started = os.path.getsize(self.log.name), time.monotonic()
        process = subprocess.Popen([*map(str, command)], cwd=self.venv, env=env or self.environment, stdin=subprocess.DEVNULL,
                                   stdout=self.log, stderr=self.log)
        while True:
            status, output = process.poll(), Path(self.log.name).read_bytes()[start:].decode(errors='replace')
            if status is not None:
                return status, output
            if what and self.tty:
                objects = re.findall(r'^ *\[(\d+/\d+)\]', output, re.MULTILINE)[-1:]  # ninja's count of compiled files
                print(f'\r{what} ... {time.monotonic() - started:.0f} s', *objects, end='\033[K', flush=True)
            time.sleep(0.1)


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--stack', choices=list(STACKS), default='openmmlab',
                        help='family of packages to install (default: %(default)s)')
    parser.add_argument('--venv', type=Path, default=ROOT / '.venv', help='folder of the environment (default: %(default)s)')
    parser.add_argument('--wheels', type=Path, metavar='DIR', help='folder of wheels that pip searches, too')
    parser.add_argument('--torch-index', metavar='URL', help="package index of torch and torchvision (default: pip's own)")
    options = parser.parse_args()
    if not (3, 10) <= sys.version_info[:2] <= (3, newest := 11 if options.stack == 'oldest' else 12):
        parser.error(f'Python 3.10 to 3.{newest} is needed, not {sys.version.split()[0]}: name another one, as in '
                     'PYTHON=python3.11')
    if options.wheels and not options.wheels.is_dir():
        parser.error(f'--wheels {options.wheels} is not a folder: name one or leave it out')
    try:
        Setup(options).make_ready()
    except (KeyboardInterrupt, OSError) as error:
        sys.exit(f'\nsetup: {error or "interrupted; run the same command again to continue"}')
