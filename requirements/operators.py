"""mmcv's compiled operators, which must fit the installed torch."""
import os
import re
import shutil
import time

from shell import TERMINAL, SetupError, Shell

# On a GPU the operators must have been compiled for it: a build without CUDA imports, and fails when it is used.
WORK = ('import torch; from mmcv.ops import nms; device = "cuda" if torch.cuda.is_available() else "cpu"; '
        'nms(torch.ones(1, 4, device=device), torch.ones(1, device=device), 0.5)')


class Operators:
    """The distribution that holds them, a ready-made one where there is one that fits."""

    def __init__(self, shell: Shell, pin: str):
        self.shell, self.pin, self.stack = shell, pin, shell.stack

    def install(self) -> None:
        pin, shell = self.pin, self.shell
        if self.stack.distributions(pin.replace('-', '_').replace('==', '-')):
            if not (problem := shell.problem(WORK)):
                return
            shell.show(f'the installed {pin} does not fit the installed torch ({problem}): installing it again')
        status, _ = shell.run(self.stack.python, '-m', 'pip', 'install', '--force-reinstall', '--no-deps',
                              '--only-binary=:all:', pin, *shell.find_links)
        if problem := 'none was found' if status else shell.problem(WORK):
            shell.show(f'no ready-made {pin} fits the installed torch ({problem}): compiling it, which takes 5 to 15 minutes')
            self.compile()
            shell.must_run(WORK, f'{pin} was compiled but cannot be imported (to compile anew, delete '
                                 f'{self.stack.venv / "build"})')

    def compile(self) -> None:
        """Build in a folder that outlives an interruption: ninja then goes on where it stopped."""
        pin, shell = self.pin, self.shell
        environment = self.compiler_environment()
        torch = self.stack.distributions('torch-*')[0].stem
        folder = self.stack.venv / 'build' / re.sub(r'[^\w.]+', '-', f'{pin}-{torch}')
        if not (folder / 'source').exists():
            shutil.rmtree(folder, ignore_errors=True)
            shell.pip('--no-deps', '--no-build-isolation', '--no-binary=:all:', pin, '--dest', folder, command='download',
                      what=pin)
            shutil.unpack_archive(next(folder.glob('*.tar.gz')), folder / 'unpacked')
            next((folder / 'unpacked').iterdir()).rename(folder / 'source')
        shutil.rmtree(folder / 'wheel', ignore_errors=True)
        self.started, self.done = time.monotonic(), 0
        status, output = shell.run(self.stack.python, 'setup.py', 'bdist_wheel', '--dist-dir', folder / 'wheel',
                                   cwd=folder / 'source', env=environment, watch=self.show_progress)
        if status:
            raise shell.failure(f'{pin} could not be compiled', output)
        shell.pip('--force-reinstall', '--no-deps', next((folder / 'wheel').glob('*.whl')), what=pin)

    def compiler_environment(self) -> dict:
        wheel_given = f'`{self.stack.command} WHEELS=DIR`'
        compiler = os.environ.get('CXX') or next(filter(shutil.which, ('c++', 'g++', 'clang++')), 'c++')
        if not shutil.which(compiler.split()[0]):
            raise SetupError(f'{self.pin} has to be compiled and there is no C++ compiler {compiler}: install g++ '
                             f'(build-essential), set CXX, or give a folder with a fitting wheel, as in {wheel_given}')
        cuda = os.environ.get('CUDA_HOME', '/usr/local/cuda') + '/bin'
        path = os.pathsep.join([str(self.stack.python.parent), os.environ['PATH'], cuda])  # the first has ninja
        environment = {'CFLAGS': '-O2 -g0 -DNDEBUG',  # these halve the time of the default ones
                       'MAX_JOBS': str(os.cpu_count()), **self.shell.environment, 'CXX': compiler, 'PATH': path,
                       'MMCV_WITH_OPS': '1'}
        if self.shell.problem('import torch; assert torch.cuda.is_available()'):
            return environment
        if not shutil.which('nvcc', path=path):
            raise SetupError(f'torch sees a GPU, for which {self.pin} has to be compiled with nvcc, and there is none: '
                             f'install the CUDA toolkit, give a fitting wheel as in {wheel_given}, or leave the GPU '
                             'aside with `export CUDA_VISIBLE_DEVICES=`')
        return {**environment, 'FORCE_CUDA': '1'}

    def show_progress(self, output: str) -> None:
        found = re.findall(r'^\[(\d+)/(\d+)\]', output[-50_000:], re.MULTILINE)
        done, total = map(int, found[-1]) if found else (0, 0)
        if done >= self.done + (1 if TERMINAL else 8):  # each object would be too much for a log
            self.done, minutes = done, (time.monotonic() - self.started) / done * (total - done) / 60
            self.shell.show(f'{self.shell.heading} {done}/{total} objects, {100 * done // total} %, {minutes:.1f} min left',
                            passing=True)
