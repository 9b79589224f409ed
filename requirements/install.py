"""Make .venv ready for `make demo` and `make test`; needs only the standard library, see --help.

Every step looks at what is there before it acts, so an interrupted run is completed by the next one.
"""
import argparse
import csv
import fcntl
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / '.venv'
PYTHON = VENV / 'bin' / 'python'
LOG = VENV / 'install.log'
STAMP = VENV / 'installed'
TERMINAL = sys.stdout.isatty()
BASE_COMPLETE = VENV / 'base-complete'
STACKS = {'openmmlab': 'mmcv'}  # requirements/<stack>.txt: the distribution in it that may have to be compiled
CAUSES = [  # what a log says, what it means, what to do
    ('No space left on device|Errno 28|Disk quota', 'the disk is full', 'free 3 GB (10 for CUDA) and run this again'),
    (r'Python\.h: No such file', 'the headers of Python are missing', 'install python3-dev (python3-devel) and run this again'),
    ('Killed signal|: Killed|annot allocate memory', 'the compiler ran out of memory', 'run this again with MAX_JOBS=1 set'),
    (r'libGL\.so|libgthread|libglib', 'OpenCV lacks a system library', 'install libgl1 and libglib2.0-0 and run this again'),
    ('Failed to establish|[Nn]ame ?[Rr]esolution|Network is unreachable|timed out|ProxyError|SSLError|Max retries'
     '|from versions: none', 'the package index cannot be reached', "check the network and pip's settings and run this again"),
]
EPILOG = """\
mmcv has compiled operators and must fit the installed torch. A ready-made wheel is tried first, from --wheels and from where
pip looks; if there is none, or it does not fit, mmcv is compiled with all its operators: 5 to 15 minutes, with CUDA if torch
sees a GPU and nvcc is there. MAX_JOBS (default: the number of cores), CFLAGS, CC and CXX are honoured.

Run it again after an interruption: it goes on where it stopped, also within the compilation. With nothing to do it ends
within a second. Output of the commands is kept in .venv/install.log. To start over, delete .venv.
Exit status: 0 done, 2 not done, with one sentence that says why and what to do next."""


# On a GPU the operators must have been compiled for it: a build without CUDA imports, and fails when it is used.
OPERATORS_WORK = ('import torch; from mmcv.ops import nms; device = "cuda" if torch.cuda.is_available() else "cpu"; '
                  'nms(torch.ones(1, 4, device=device), torch.ones(1, device=device), 0.5)')


class SetupError(Exception):
    """Why the environment is not ready and what the user can do, in one sentence."""


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Make .venv ready for `make demo` and `make test`.', epilog=EPILOG,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--stack', choices=list(STACKS), default='openmmlab', help='the packages to install (%(default)s)')
    parser.add_argument('--wheels', type=Path, metavar='DIR', help='a folder with ready-made wheels, looked through first')
    parser.add_argument('--torch-index', metavar='URL', help="the index torch is taken from, instead of pip's own")
    options = parser.parse_args()
    options.requirements = [ROOT / 'requirements' / f'{name}.txt' for name in (options.stack, 'tests')]
    if options.wheels and not options.wheels.is_dir():
        raise SetupError(f'--wheels {options.wheels} is not a folder: name one or leave it out')
    return options


def check_machine() -> None:
    version = sys.version_info
    other = 'name another Python, as in `make setup PYTHON=python3.11`'
    if not (3, 10) <= version[:2] <= (3, 12):
        raise SetupError(f'Python 3.10, 3.11 or 3.12 is needed and {sys.executable} is {version[0]}.{version[1]}: {other}')
    if not all(map(importlib.util.find_spec, ('venv', 'ensurepip'))):  # some Linux distributions package them apart
        raise SetupError(f'{sys.executable} lacks venv or ensurepip: install python{version[0]}.{version[1]}-venv or {other}')
    if (free := shutil.disk_usage(ROOT).free / 1e9) < 3 and not distributions('torch-*'):
        raise SetupError(f'{ROOT} has {free:.1f} GB free and about 3 are needed: free some and run this again')


def distributions(pattern: str = '*') -> list:
    return sorted(VENV.glob(f'lib/python3*/site-packages/{pattern}.dist-info'))


def is_whole(info: Path) -> bool:
    """Whether pip finished installing this, INSTALLER being the last it lists, and all it listed is still there."""
    try:
        with open(info / 'RECORD', newline='') as file:
            sizes = {path: int(size) for path, _, size in csv.reader(file) if size}
        found = {path: os.stat(info.parent / path).st_size for path in sizes}
    except (OSError, ValueError):
        return False
    # Only libraries are measured: two packages may share a small file, such as nvidia/__init__.py.
    return f'{info.name}/INSTALLER' in sizes and all(found[path] == sizes[path] for path in sizes if '.so' in path)


def fingerprint(options: argparse.Namespace) -> str:
    """Changes whenever a run might have something to do; --wheels only says where from, not what."""
    files = [ROOT / 'setup.py', Path(__file__), *options.requirements]
    shipped = [ROOT / folder / name for folder in ('', 'mmmux/.mim') for name in ('configs', 'tools', 'model-index.yml')]
    facts = [sys.version_info[:2], ROOT, options.stack, options.torch_index, [path.exists() for path in shipped],
             [info.name for info in distributions()]]
    return hashlib.sha256(b''.join(path.read_bytes() for path in files) + repr(facts).encode()).hexdigest()


def environment_works() -> bool:
    """Whether the environment's Python starts and is of the version that runs this."""
    code = f'import pip, sys; sys.exit(sys.version_info[:2] != {sys.version_info[:2]})'
    return PYTHON.exists() and subprocess.run([PYTHON, '-c', code], stderr=subprocess.DEVNULL).returncode == 0


def is_up_to_date(options: argparse.Namespace) -> bool:
    unchanged = STAMP.is_file() and STAMP.read_text() == fingerprint(options)
    return unchanged and environment_works() and all(map(is_whole, distributions()))


def last_line(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if re.search('error|No space|Killed', line, re.IGNORECASE)]
    return (errors or lines or ['nothing'])[-1][:300]


def failure(what: str, output: str) -> SetupError:
    for pattern, cause, remedy in CAUSES:
        if found := re.search(f'.*(?:{pattern}).*', output):
            return SetupError(f'{what}: {cause}; {remedy} (log {LOG}: "{found[0].strip()[:300]}")')
    return SetupError(f'{what}; mend what the log {LOG} says and run this again ("{last_line(output)}")')


class Installer:

    def __init__(self, options: argparse.Namespace, log):
        self.log = log
        self.torch_index = ['--index-url', options.torch_index] if options.torch_index else []
        self.find_links = ['--find-links', options.wheels.resolve()] if options.wheels else []
        lines = [line.split('#')[0].strip() for path in options.requirements for line in path.read_text().splitlines()]
        self.pins = {re.match(r'[\w.-]+', line)[0]: line for line in lines if line and ';' not in line}
        self.compiled = self.pins[STACKS[options.stack]]
        self.others = [line for line in lines if line and line != self.compiled]
        shutil.rmtree(VENV / 'tmp', ignore_errors=True)
        (VENV / 'tmp').mkdir()  # the system's own may be on another, smaller disk
        self.environment = {**os.environ, 'PYTHONPATH': '', 'PYTHONUNBUFFERED': '1', 'PYTHONNOUSERSITE': '1', 'PIP_USER': '0',
                            'PIP_DISABLE_PIP_VERSION_CHECK': '1', 'PIP_NO_INPUT': '1', 'TMPDIR': str(VENV / 'tmp')}

    def run_all(self) -> None:
        steps = {
            'Python environment': self.make_environment,
            'torch': lambda: self.pip(self.pins['torch'], *self.torch_index, what='torch'),
            'other packages': self.install_others,
            self.compiled: self.install_compiled,
            'mmmux': lambda: self.pip('-e', ROOT, '--no-deps', '--no-build-isolation', what='mmmux'),
            'check': lambda: self.must_run('import mmcv.ops, mmdet, mmseg, mmmux', 'what was installed cannot be imported'),
        }
        for number, (name, step) in enumerate(steps.items(), 1):
            self.step, started = f'[{number}/{len(steps)}] {name}', time.monotonic()
            self.show(f'{self.step} ...', passing=True)
            step()
            self.show(f'{self.step} done in {time.monotonic() - started:.0f} s')

    def show(self, text: str, passing: bool = False) -> None:
        """Print a line; a passing one is overwritten by the next, where there is a terminal."""
        print(f'\r{text}\033[K' if TERMINAL else text, end='' if TERMINAL and passing else '\n', flush=True)

    def run(self, *command, watch=None, env=None, cwd=VENV) -> tuple:
        """Run a command; returns its exit status and output.

        It writes to the locked log by itself: if this process is killed, the command goes on and the next run waits for it.
        """
        print(f'\n{time.strftime("%F %T")} $', *command, file=self.log, flush=True)
        output, status = '', None
        with open(LOG, errors='replace') as reader:
            reader.seek(0, os.SEEK_END)
            process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=self.log,
                                       stderr=self.log, cwd=cwd, env=env or self.environment)
            while status is None:
                time.sleep(0.1)
                status = process.poll()
                output += reader.read()
                if watch:
                    watch(output)
        return status, output

    def pip(self, *arguments, what: str, command: str = 'install') -> None:
        status, output = self.run(PYTHON, '-m', 'pip', command, '--progress-bar=off', *arguments, *self.find_links)
        if status:
            raise failure(f'{what} could not be installed', output)

    def problem(self, code: str) -> str:
        """Run code in the environment; returns '' or the last line of what went wrong."""
        status, output = self.run(PYTHON, '-c', code)
        return (last_line(output) if output.strip() else f'Python ended with status {status}') if status else ''

    def must_run(self, code: str, complaint: str) -> None:
        if problem := self.problem(code):
            raise failure(complaint, problem)

    def make_environment(self) -> None:
        if BASE_COMPLETE.exists() and environment_works() and all(map(is_whole, distributions('pip-*'))):
            return self.remove_remains()
        if PYTHON.is_symlink():
            self.show(f'{VENV} is incomplete or of another Python: making it anew')
        for path in (VENV / name for name in ('base-complete', 'pyvenv.cfg', 'bin', 'include', 'lib', 'lib64', 'share')):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink(missing_ok=True)
        # Without links resolved, a Python of this very environment would be asked to remake itself.
        status, output = self.run(os.path.realpath(sys.executable), '-m', 'venv', VENV)
        if status:
            raise failure('the virtual environment could not be made', output)
        self.pip('pip>=23', self.pins['setuptools'], 'wheel', 'ninja', what='the build tools')
        BASE_COMPLETE.touch()

    def remove_remains(self) -> None:
        """Forget what pip was killed in the middle of: it takes a package for installed once its metadata is there."""
        for path in VENV.glob('lib/python3*/site-packages/~*'):
            shutil.rmtree(path, ignore_errors=True)
        for info in filter(lambda info: not is_whole(info), distributions()):
            self.show(f'{info.stem} is incomplete or damaged: installing it again')
            shutil.rmtree(info)

    def install_others(self) -> None:
        self.pip('wheel', 'ninja', *self.others, what='a package')
        if problem := self.problem('import importlib.util as u; u.find_spec("torchvision") and __import__("torchvision")'):
            raise SetupError(f'the torchvision in .venv was built for another torch ({problem}) and mmengine imports it: run '
                             f'`{PYTHON} -m pip uninstall torchvision`, then this again')
        self.must_run('import torch, numpy, cv2, mmengine', 'torch, OpenCV and mmengine cannot be imported together')

    def install_compiled(self) -> None:
        pin, works = self.compiled, OPERATORS_WORK
        if distributions(pin.replace('-', '_').replace('==', '-')):
            if not (problem := self.problem(works)):
                return
            self.show(f'the installed {pin} does not fit the installed torch ({problem}): installing it again')
        status, _ = self.run(PYTHON, '-m', 'pip', 'install', '--force-reinstall', '--no-deps', '--only-binary=:all:', pin,
                             *self.find_links)
        if problem := 'none was found' if status else self.problem(works):
            self.show(f'no ready-made {pin} fits the installed torch ({problem}): compiling it, which takes 5 to 15 minutes')
            self.compile(pin)
            self.must_run(works, f'{pin} was compiled but cannot be imported (to compile anew, delete {VENV / "build"})')

    def compile(self, pin: str) -> None:
        """Build in a folder that outlives an interruption: ninja then goes on where it stopped."""
        environment = self.compiler_environment()
        folder = VENV / 'build' / re.sub(r'[^\w.]+', '-', f'{pin}-{distributions("torch-*")[0].stem}')
        if not (folder / 'source').exists():
            shutil.rmtree(folder, ignore_errors=True)
            self.pip('--no-deps', '--no-build-isolation', '--no-binary=:all:', pin, '--dest', folder,
                     command='download', what=pin)
            shutil.unpack_archive(next(folder.glob('*.tar.gz')), folder / 'unpacked')
            next((folder / 'unpacked').iterdir()).rename(folder / 'source')
        shutil.rmtree(folder / 'wheel', ignore_errors=True)
        self.started, self.done = time.monotonic(), 0
        status, output = self.run(PYTHON, 'setup.py', 'bdist_wheel', '--dist-dir', folder / 'wheel', cwd=folder / 'source',
                                  env=environment, watch=self.show_progress)
        if status:
            raise failure(f'{pin} could not be compiled', output)
        self.pip('--force-reinstall', '--no-deps', next((folder / 'wheel').glob('*.whl')), what=pin)

    def compiler_environment(self) -> dict:
        compiler = os.environ.get('CXX') or next(filter(shutil.which, ('c++', 'g++', 'clang++')), 'c++')
        if not shutil.which(compiler.split()[0]):
            raise SetupError(f'{self.compiled} has to be compiled and there is no C++ compiler {compiler}: install g++ '
                             '(build-essential), set CXX, or give a folder with a fitting wheel, as in `make setup WHEELS=DIR`')
        cuda = os.environ.get('CUDA_HOME', '/usr/local/cuda') + '/bin'
        path = os.pathsep.join([str(PYTHON.parent), os.environ['PATH'], cuda])  # the first has ninja
        environment = {'CFLAGS': '-O2 -g0 -DNDEBUG',  # these halve the time of the default ones
                       'MAX_JOBS': str(os.cpu_count()), **self.environment, 'CXX': compiler, 'PATH': path, 'MMCV_WITH_OPS': '1'}
        if self.problem('import torch; assert torch.cuda.is_available()'):
            return environment
        if not shutil.which('nvcc', path=path):
            raise SetupError(f'torch sees a GPU, for which {self.compiled} has to be compiled with nvcc, and there is none: '
                             'install the CUDA toolkit, give a fitting wheel as in `make setup WHEELS=DIR`, or leave the GPU '
                             'aside with `export CUDA_VISIBLE_DEVICES=`')
        return {**environment, 'FORCE_CUDA': '1'}

    def show_progress(self, output: str) -> None:
        found = re.findall(r'^\[(\d+)/(\d+)\]', output[-50_000:], re.MULTILINE)
        done, total = map(int, found[-1]) if found else (0, 0)
        if done >= self.done + (1 if TERMINAL else 8):  # each object would be too much for a log
            self.done, minutes = done, (time.monotonic() - self.started) / done * (total - done) / 60
            self.show(f'{self.step} {done}/{total} objects, {100 * done // total} %, {minutes:.1f} min left', passing=True)


def open_log():
    """The log is the lock that keeps two runs apart: a command holds it too, even if the run that started it was killed."""
    VENV.mkdir(exist_ok=True)
    log = open(LOG, 'a')  # noqa: SIM115 - held until this process and its commands have ended
    try:
        fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print('another setup is still at work in .venv: waiting for it', flush=True)
        fcntl.flock(log, fcntl.LOCK_EX)
    return log


def main() -> int:
    try:
        options = parse_options()
        check_machine()
        log = open_log()
        if not is_up_to_date(options):
            STAMP.unlink(missing_ok=True)
            Installer(options, log).run_all()
            STAMP.write_text(fingerprint(options))
        return 0
    except (SetupError, KeyboardInterrupt) as error:
        sentence = str(error) or 'interrupted; run this again to go on'
    except OSError as error:
        sentence = f'{error}; see that the disk is not full and {VENV} can be written, then run this again'
    print(f'\nsetup: {sentence}', file=sys.stderr)
    return 2


if __name__ == '__main__':
    sys.exit(main())
