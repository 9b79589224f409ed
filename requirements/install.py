"""Make .venv ready for `make demo` and `make test`; see --help.

Every step looks at what is there before it acts, so an interrupted run is completed by the next one. Needs only the standard
library and runs outside the environment it makes.
"""
import argparse
import csv
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
VENV = ROOT / '.venv'
PYTHON = VENV / 'bin' / 'python'
LOG = VENV / 'install.log'
STAMP = VENV / 'installed'
BASE_COMPLETE = VENV / 'base-complete'
STACKS = {'openmmlab': 'mmcv'}  # requirements/<stack>.txt: the distribution in it that may have to be compiled
GIGABYTES_NEEDED = 3
# What a log says, what it means, what to do.
CAUSES = [
    (r'No space left on device|Errno 28|Disk quota exceeded', 'the disk is full',
     f'free about {GIGABYTES_NEEDED} GB (a CUDA build of torch needs about 10) and run this again'),
    (r'Python\.h: No such file', 'the headers of Python are missing', 'install python3-dev (python3-devel) and run this again'),
    (r'Killed signal|: Killed|internal compiler error|Cannot allocate memory', 'the compiler ran out of memory',
     'run this again with MAX_JOBS=1 in the environment'),
    (r'libGL\.so|libgthread|libglib', 'OpenCV lacks a system library', 'install libgl1 and libglib2.0-0 and run this again'),
    (r'Failed to establish|NameResolution|name resolution|Network is unreachable|Connection refused|timed out|ProxyError'
     r'|SSLError|Max retries|ConnectionReset|IncompleteRead', 'the package index cannot be reached',
     "check the network and pip's settings and run this again"),
]
EPILOG = """\
Steps: a virtual environment in .venv; pip and the build tools; torch; the other packages of requirements/<stack>.txt and
tests.txt; mmcv; mmmux itself (editable); a last check that all of it can be imported.

mmcv has compiled operators and must fit the installed torch. A ready-made wheel is tried first, from --wheels and from where
pip looks; if there is none, or it does not fit, mmcv is compiled with all its operators: 5 to 15 minutes, with CUDA if torch
sees a GPU and nvcc is there. MAX_JOBS (default: the number of cores), CFLAGS, CC and CXX are honoured.

Run it again after an interruption: it goes on where it stopped, also within the compilation. With nothing to do it ends
within a second. Output of the commands is kept in .venv/install.log. To start over, delete .venv.

Exit status: 0 done, 2 not done, with one sentence that says why and what to do next."""


class SetupError(Exception):
    """Why the environment is not ready and what the user can do, in one sentence."""


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Make .venv ready for `make demo` and `make test`.', epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--stack', choices=list(STACKS), default='openmmlab', help='the packages to install (%(default)s)')
    parser.add_argument('--wheels', type=Path, metavar='DIR', help='a folder with ready-made wheels, used before any index')
    parser.add_argument('--torch-index', metavar='URL', help="the index torch is taken from, instead of pip's own")
    options = parser.parse_args()
    if options.wheels:
        options.wheels = options.wheels.resolve()
        if not options.wheels.is_dir():
            raise SetupError(f'--wheels {options.wheels} is not a folder: name one or leave it out')
    return options


def check_machine() -> None:
    version = sys.version_info
    if not (3, 10) <= version[:2] <= (3, 12):
        raise SetupError(f'Python 3.10, 3.11 or 3.12 is needed and {sys.executable} is {version[0]}.{version[1]}: '
                         'name another one, as in `make setup PYTHON=python3.11`')
    try:
        import ensurepip  # noqa: F401 - some Linux distributions package these two apart from Python
        import venv  # noqa: F401
    except ImportError:
        raise SetupError(f'{sys.executable} lacks the modules venv and ensurepip: install python{version[0]}.{version[1]}-venv '
                         'or name another Python, as in `make setup PYTHON=python3.11`') from None
    free = shutil.disk_usage(ROOT).free / 1e9
    if free < GIGABYTES_NEEDED and not distributions('torch-*'):
        raise SetupError(f'{free:.1f} GB are free where {ROOT} is and about {GIGABYTES_NEEDED} are needed: free some and run '
                         'this again')


def distributions(pattern: str = '*') -> list:
    return sorted(VENV.glob(f'lib*/python3*/site-packages/{pattern}.dist-info'))


def is_whole(info: Path) -> bool:
    """Whether pip finished installing this: INSTALLER is the last it lists; and whether all it listed is still there."""
    try:
        with open(info / 'RECORD', newline='') as file:
            rows = [row for row in csv.reader(file) if len(row) == 3 and row[2]]
            if not any(row[0].endswith('.dist-info/INSTALLER') for row in rows):
                return False
            for path, _, size in rows:
                found = os.stat(info.parent / path).st_size
                # Only libraries are measured: two packages may share a small file, such as nvidia/__init__.py.
                if '.so' in path and found != int(size):
                    return False
    except OSError:
        return False
    return True


def fingerprint(options: argparse.Namespace) -> str:
    """Changes whenever a run might have something to do; --wheels only says where from, not what."""
    files = [ROOT / 'setup.py', Path(__file__), *requirement_files(options)]
    facts = [sys.version, ROOT, options.stack, options.torch_index, *(info.name for info in distributions())]
    return hashlib.sha256(b'\0'.join([*(path.read_bytes() for path in files), *map(os.fsencode, map(str, facts))])).hexdigest()


def requirement_files(options: argparse.Namespace) -> list:
    return [ROOT / 'requirements' / f'{options.stack}.txt', ROOT / 'requirements' / 'tests.txt']


def is_up_to_date(options: argparse.Namespace) -> bool:
    return (STAMP.is_file() and STAMP.read_text() == fingerprint(options) and environment_works()
            and all(map(is_whole, distributions())))


def environment_works() -> bool:
    """Whether the environment's Python starts and is of the version that runs this."""
    try:
        answer = subprocess.run([PYTHON, '-c', 'import sys; print(sys.version)'], capture_output=True, text=True)
    except OSError:
        return False
    return answer.stdout.strip() == sys.version


class Installer:

    def __init__(self, options: argparse.Namespace, lock):
        self.lock = lock
        self.torch_index = options.torch_index
        self.compiled = STACKS[options.stack]
        self.find_links = ['--find-links', str(options.wheels)] if options.wheels else []
        lines = [line.split('#')[0].strip() for path in requirement_files(options) for line in path.read_text().splitlines()]
        self.pins = {re.match(r'[\w.-]+', line)[0]: line for line in lines if line and ';' not in line}
        self.others = [line for line in lines if line and line != self.pins[self.compiled]]
        temporary = VENV / 'tmp'  # pip's own may be on another, smaller disk
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        self.environment = {**os.environ, 'PYTHONUNBUFFERED': '1', 'PYTHONNOUSERSITE': '1', 'PIP_USER': '0',
                            'PIP_DISABLE_PIP_VERSION_CHECK': '1', 'PIP_NO_INPUT': '1', 'TMPDIR': str(temporary)}
        for name in ('PYTHONPATH', 'PYTHONHOME'):
            self.environment.pop(name, None)

    def run_all(self) -> None:
        steps = [('Python environment', self.make_environment), ('build tools', self.install_tools),
                 ('torch', self.install_torch), ('other packages', self.install_others),
                 (self.compiled, self.install_compiled), ('mmmux', self.install_mmmux), ('check', self.check)]
        for number, (name, step) in enumerate(steps, 1):
            self.step, started = f'[{number}/{len(steps)}] {name}', time.monotonic()
            self.show('...')
            step()
            self.show(f'done in {time.monotonic() - started:.0f} s')
            if sys.stdout.isatty():
                print()

    def show(self, text: str) -> None:
        if sys.stdout.isatty():
            print(f'\r{self.step} {text}'[:shutil.get_terminal_size().columns] + '\033[K', end='', flush=True)
        else:
            print(f'{self.step} {text}', flush=True)

    def say(self, sentence: str) -> None:
        print(f'\r{sentence}', flush=True)

    def run(self, *command, watch=None, **options) -> tuple:
        """Run a command with its output going to the log; returns its exit status and output.

        It inherits the lock and writes to the log by itself: if this process is killed it ends in peace, and the next run
        waits for it.
        """
        output = ''
        with open(LOG, 'a') as log, open(LOG, errors='replace') as reader:
            print(f'\n{time.strftime("%F %T")} $', *command, file=log, flush=True)
            reader.seek(0, os.SEEK_END)
            process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                       env={**self.environment, **options.pop('env', {})}, pass_fds=[self.lock.fileno()], **options)
            status = None
            while status is None:
                time.sleep(0.1)
                status = process.poll()
                output += reader.read()
                if watch:
                    watch(output)
        return status, output

    def pip(self, *arguments, what: str) -> None:
        status, output = self.run(PYTHON, '-m', 'pip', 'install', '--progress-bar=off', *arguments, *self.find_links)
        if status:
            raise failure(f'{what} could not be installed', output)

    def python(self, code: str) -> str:
        """Run code in the environment; returns '' or the last line of what went wrong."""
        status, output = self.run(PYTHON, '-c', code, cwd=VENV)
        return (last_line(output) or f'Python ended with status {status}') if status else ''

    def make_environment(self) -> None:
        if BASE_COMPLETE.exists() and environment_works():
            return self.remove_remains()
        if PYTHON.exists():
            self.say(f'{VENV} is incomplete or of another Python: making it anew')
        for name in ('base-complete', 'pyvenv.cfg', 'bin', 'include', 'lib', 'lib64', 'share'):
            path = VENV / name
            path.unlink(missing_ok=True) if path.is_symlink() or not path.is_dir() else shutil.rmtree(path)
        # Without links resolved, a Python of this very environment (activated) would be asked to remake itself.
        status, output = self.run(os.path.realpath(sys.executable), '-m', 'venv', VENV)
        if status:
            raise failure('the virtual environment could not be made', output)

    def remove_remains(self) -> None:
        """Forget what pip was killed in the middle of: it would take a package for installed once its metadata is there."""
        for site in VENV.glob('lib/python3*/site-packages'):
            for path in site.glob('~*'):
                shutil.rmtree(path, ignore_errors=True)
        for info in distributions():
            if not is_whole(info):
                self.say(f'{info.stem} is incomplete or damaged: installing it again')
                shutil.rmtree(info)

    def install_tools(self) -> None:
        self.pip('pip>=23', self.pins['setuptools'], 'wheel', 'ninja', what='the build tools')
        BASE_COMPLETE.touch()

    def install_torch(self) -> None:
        index = ['--index-url', self.torch_index] if self.torch_index else []
        self.pip(self.pins['torch'], *index, what='torch')

    def install_others(self) -> None:
        self.pip(*self.others, what='a package')
        problem = self.python('import importlib.util as u; u.find_spec("torchvision") and __import__("torchvision")')
        if problem:
            raise SetupError(f'the torchvision in .venv was built for another torch ({problem}), and mmengine imports it: remove '
                             f'it with `{PYTHON} -m pip uninstall torchvision` and run this again')
        problem = self.python('import torch, numpy, cv2, mmengine')
        if problem:
            raise failure('torch, OpenCV and mmengine cannot be imported together', problem)

    def install_compiled(self) -> None:
        pin = self.pins[self.compiled]
        works = 'import mmcv.ops'
        if distributions(pin.replace('-', '_').replace('==', '-')):
            problem = self.python(works)
            if not problem:
                return
            self.say(f'{pin} is there but does not work beside the installed torch ({problem}): installing it again')
        status, _ = self.run(PYTHON, '-m', 'pip', 'install', '--force-reinstall', '--no-deps', '--only-binary=:all:', pin,
                             *self.find_links)
        problem = self.python(works) if status == 0 else ''
        if status == 0 and not problem:
            return
        self.say(f'the ready-made {pin} does not fit the installed torch ({problem}): compiling it' if problem else
                 f'no ready-made {pin} found: compiling it, which takes 5 to 15 minutes')
        self.pip('--force-reinstall', '--no-deps', self.build(pin), what=pin)
        problem = self.python(works)
        if problem:
            raise failure(f'{pin} was compiled but cannot be imported', problem)

    def build(self, pin: str) -> Path:
        """Compile in a folder that outlives an interruption: ninja then goes on where it stopped."""
        self.check_compiler()
        torch = distributions('torch-*')[0].stem
        folder = VENV / 'build' / re.sub(r'[^\w.]+', '-', f'{pin}-{torch}')
        source = folder / 'source'
        if not source.exists():
            self.unpack(pin, folder, source)
        shutil.rmtree(folder / 'wheel', ignore_errors=True)
        status, output = self.run(PYTHON, 'setup.py', 'bdist_wheel', '--dist-dir', folder / 'wheel', cwd=source,
                                  env=self.build_environment(), watch=self.progress())
        if status:
            raise failure(f'{pin} could not be compiled', output)
        return next((folder / 'wheel').glob('*.whl'))

    def unpack(self, pin: str, folder: Path, source: Path) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        status, output = self.run(PYTHON, '-m', 'pip', 'download', '--progress-bar=off', '--no-deps', '--no-build-isolation',
                                  '--no-binary=:all:', pin, '--dest', folder, *self.find_links)
        if status:
            raise failure(f'the source of {pin} could not be fetched', output)
        shutil.unpack_archive(next(folder.glob('*.tar.gz')), folder / 'unpacked')
        next((folder / 'unpacked').iterdir()).rename(source)

    def build_environment(self) -> dict:
        environment = {'MMCV_WITH_OPS': '1', 'MAX_JOBS': str(len(os.sched_getaffinity(0)))}
        environment['CFLAGS'] = '-O2 -g0 -DNDEBUG'  # half the time of the default flags
        environment['PATH'] = f'{VENV / "bin"}:{os.environ["PATH"]}'  # ninja
        nvcc = shutil.which('nvcc') or Path(os.environ.get('CUDA_HOME', '/usr/local/cuda'), 'bin', 'nvcc').exists()
        if nvcc and not self.python('import torch; assert torch.cuda.is_available()'):
            environment['FORCE_CUDA'] = '1'
        return {**environment, **{name: os.environ[name] for name in ('CFLAGS', 'MAX_JOBS') if name in os.environ}}

    def check_compiler(self) -> None:
        compiler = os.environ.get('CXX', 'c++').split()
        if not shutil.which(compiler[0]):
            raise SetupError(f'no C++ compiler found ({compiler[0]}), and mmcv has to be compiled: install g++ '
                             '(build-essential), set CXX, or give a folder with a fitting wheel, as in `make setup WHEELS=DIR`')
        headers = self.python('import sysconfig, os; assert os.path.exists(sysconfig.get_path("include") + "/Python.h"), '
                              '"Python.h: No such file"')
        if headers:
            raise failure('mmcv has to be compiled', headers)

    def progress(self):
        started, shown = time.monotonic(), -1

        def watch(output: str) -> None:
            nonlocal shown
            found = re.findall(r'^\[(\d+)/(\d+)\]', output[-100_000:], re.MULTILINE)
            done, total = map(int, found[-1]) if found else (0, 0)
            # An object finishes every few seconds: enough for a terminal, too much for a log.
            if done == shown or not (sys.stdout.isatty() or done % 8 == 1 or done == total):
                return
            shown = done
            if done:
                left = (time.monotonic() - started) / done * (total - done)
                self.show(f'{done}/{total} objects, {100 * done // total} %, about {left / 60:.0f} min left')

        return watch

    def install_mmmux(self) -> None:
        self.pip('-e', ROOT, '--no-deps', '--no-build-isolation', what='mmmux')

    def check(self) -> None:
        problem = self.python('import mmcv.ops, mmdet, mmseg, mmmux')
        if problem:
            raise failure('what was installed cannot be imported', problem)


def last_line(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if re.search(r'error|No space|Killed', line, re.IGNORECASE)]
    return (errors or lines or [''])[-1][:300]


def failure(what: str, output: str) -> SetupError:
    for pattern, cause, remedy in CAUSES:
        found = re.search(f'.*(?:{pattern}).*', output)
        if found:
            return SetupError(f'{what}: {cause}; {remedy} (log {LOG}: "{found[0].strip()[:300]}")')
    return SetupError(f'{what}; mend what the log {LOG} says and run this again ("{last_line(output)}")')


def locked():
    """Keep two runs apart; also waits for what a killed run left working."""
    VENV.mkdir(exist_ok=True)
    lock = open(VENV / 'install.lock', 'w')
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print('another setup is still at work in .venv: waiting for it', flush=True)
        fcntl.flock(lock, fcntl.LOCK_EX)
    return lock


def main() -> int:
    try:
        options = parse_options()
        if is_up_to_date(options):
            return 0
        check_machine()
        with locked() as lock:
            if not is_up_to_date(options):
                STAMP.unlink(missing_ok=True)
                Installer(options, lock).run_all()
                STAMP.write_text(fingerprint(options))
    except SetupError as error:
        print(f'\nsetup: {error}', file=sys.stderr)
        return 2
    except OSError as error:
        remedy = 'free some space' if error.errno == 28 else 'make it readable and writable'
        print(f'\nsetup: {error.filename or VENV}: {error.strerror}; {remedy} and run this again', file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print('\nsetup: interrupted; run this again to go on', file=sys.stderr)
        return 130
    return 0


if __name__ == '__main__':
    sys.exit(main())
