"""Make an environment ready for the demos and the tests; needs only the standard library.

An environment that this program did not make is used if it holds what is needed, and never changed. A new run goes on where
the last one stopped, also within the compilation of mmcv, which honours MAX_JOBS, CFLAGS, CC, CXX and FORCE_CUDA. With nothing
to do it ends within a second. The output of the commands is in install.log in the environment.
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
STACKS = {  # requirements beside torch, the mmcv that has compiled operators, modules that must be there in the end
    **{name: (['torchvision', '-e', f'{ROOT}[{name},deploy,search]'], mmcv, DENSE)
       for name, mmcv in (('openmmlab', 'mmcv'), ('onedl', 'onedl-mmcv'))},
    'oldest': (['-e', f'{ROOT}[search]', 'mmengine', 'mmcv-lite', 'onnx', 'onnxruntime'], '', 'mmcv, onnx, pymoo, mmmux')}
OPERATORS = 'import mmcv.ops, torch; x = torch.ones(1, 4); mmcv.ops.nms(x, x.sum(1), 1); ' \
            'torch.cuda.is_available() and mmcv.ops.nms(x.cuda(), x.cuda().sum(1), 1)'  # a build without CUDA imports, too
REMEDIES = {'No space|quota': 'free 10 GB', 'Killed|allocate memory': 'set MAX_JOBS=1', r'Python\.h': 'install python3-dev',
            r'libGL\.so|libgthread': 'install libgl1 and libglib2.0-0', r'[cg]\+\+.*not found': 'install g++ or set CXX',
            'NewConnection|resolution|unreachable|timed out|versions: none': "check the network and pip's settings"}


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
            fcntl.flock(self.log, fcntl.LOCK_EX)  # by the commands, too: a second setup waits for what a killed one started
            if self.mark.read_text() != self.fingerprint():
                self.mark.write_text('')
                self.install()
                self.mark.write_text(self.fingerprint())

    def fingerprint(self) -> str:
        """Changes whenever there may be something to do."""
        files = [ROOT / 'setup.py', ROOT / 'pyproject.toml', *Path(__file__).parent.glob('*.*')]
        facts = [sys.version_info[:2], ROOT, self.options.torch_index, (ROOT / 'mmmux/.mim').exists(), *self.distributions()]
        return hashlib.sha256(b''.join(path.read_bytes() for path in sorted(files)) + repr(facts).encode()).hexdigest()

    def distributions(self) -> list:
        return sorted(self.venv.glob('lib/python3*/site-packages/*.dist-info'))

    def check_foreign(self) -> None:
        check = [self.python, '-W', 'ignore', '-c', f'import {self.modules}']
        found = subprocess.run(check, capture_output=True, text=True) if self.python.exists() else None
        if not found or found.returncode:
            lack = found.stderr.strip().splitlines()[-1] if found else 'it has no Python'
            sys.exit(f'{self.venv} was not made by `make setup`, is left as it is and cannot be used ({lack}): install what is '
                     f'needed there, or name another place, as in `make setup VENV={self.options.venv}-mmmux`')

    def install(self) -> None:
        if not self.python.exists() or self.run(self.python, '-m', 'pip', '--version')[0]:
            self.step('Python environment', os.path.realpath(sys.executable), '-m', 'venv', self.venv)
        if self.run(self.python, '-c', f'import sys; sys.exit(sys.version_info[:2] != {sys.version_info[:2]})')[0]:
            sys.exit(f'{self.venv} is not of the Python {sys.executable}: delete it, or name another place, as in VENV=.venv-2')
        for info in self.distributions():  # pip writes INSTALLER near the end, and takes what has none for installed
            if not (info / 'INSTALLER').exists():
                shutil.rmtree(info)
        index = self.options.torch_index
        self.pip('torch', 'torch', *({'torchvision'} & set(self.packages)), *(['--index-url', index] if index else []))
        self.pip('build tools', 'setuptools', 'wheel', 'ninja')
        ready_made = self.python, '-m', 'pip', 'install', '--force-reinstall', '--no-deps', '--only-binary=:all:', self.mmcv
        if self.operators_fail() and self.run(*ready_made, *self.more)[0]:
            self.compile_mmcv()
        self.pip('other packages', *self.packages, '-r', Path(__file__).with_name('tests.txt'))
        if self.operators_fail():
            self.compile_mmcv()
        self.step('check', self.python, '-W', 'ignore', '-c', f'import {self.modules}')

    def operators_fail(self) -> bool:
        return bool(self.mmcv and self.run(self.python, '-c', OPERATORS)[0])

    def compile_mmcv(self) -> None:
        """Build in a folder that outlives an interruption: ninja then goes on where it stopped."""
        torch, = (info.stem for info in self.distributions() if info.name.startswith('torch-'))
        folder = self.venv / f'build/{self.mmcv}-{torch}'
        if not (folder / 'source').exists():
            shutil.rmtree(folder, ignore_errors=True)
            self.step(f'source of {self.mmcv}', self.python, '-m', 'pip', 'download', '--no-deps', '--no-build-isolation',
                      '--no-binary=:all:', '--dest', folder, self.mmcv, *self.more)
            shutil.unpack_archive(next(folder.glob('*.tar.gz')), folder / 'unpacked')
            script, = folder.glob('unpacked/*/setup.py')
            if tuple(map(int, re.findall(r'\d+', torch)[:2])) >= (2, 14):  # whose headers need C++20
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
            remedy = next((do for says, do in REMEDIES.items() if re.search(says, output)), 'mend what the log says')
            cause = (re.findall('(?im)^.*(?:error|no space|killed).*$', output) or output.splitlines() or ['no output'])[-1]
            sys.exit(f'{what} failed ("{cause.strip()[:300]}"): {remedy} and run this again (log {self.log.name})')
        print(f'\r{what}: done in {time.monotonic() - started:.0f} s' + '\033[K' * self.tty, flush=True)

    def run(self, *command, what: str = '', env=None) -> tuple:
        """Run a command, its output in the log; returns its exit status and output."""
        print('\n$', *command, file=self.log, flush=True)
        start, started, env = os.path.getsize(self.log.name), time.monotonic(), env or self.environment
        process = subprocess.Popen(list(map(str, command)), stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, env=env)
        while True:
            status, output = process.poll(), Path(self.log.name).read_bytes()[start:].decode(errors='replace')
            if status is not None:
                return status, output
            if what and self.tty:
                objects = re.findall(r'^ *\[(\d+/\d+)\]', output, re.MULTILINE)[-1:]  # of ninja
                print(f'\r{what} ... {time.monotonic() - started:.0f} s', *objects, end='\033[K', flush=True)
            time.sleep(0.1)


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--stack', choices=list(STACKS), default='openmmlab', help='what to install (default: %(default)s)')
    parser.add_argument('--venv', type=Path, default=ROOT / '.venv', help='the environment (default: %(default)s)')
    parser.add_argument('--wheels', type=Path, metavar='DIR', help='a folder with ready-made wheels, looked through first')
    parser.add_argument('--torch-index', metavar='URL', help="the index of torch and torchvision, instead of pip's own")
    options = parser.parse_args()
    if not (3, 10) <= sys.version_info[:2] <= (3, 12):
        parser.error(f'Python 3.10 to 3.12 is needed, this is {sys.version.split()[0]}: name one, as in PYTHON=python3.11')
    if options.wheels and not options.wheels.is_dir():
        parser.error(f'--wheels {options.wheels} is not a folder: name one or leave it out')
    try:
        Setup(options).make_ready()
    except (KeyboardInterrupt, OSError) as error:
        sys.exit(f'\nsetup: {error or "interrupted; run this again to go on"}')
