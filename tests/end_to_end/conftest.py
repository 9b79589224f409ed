import os
import runpy
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import small_trainings
from earlier_runs import forget_runs
from free_port import free_port
from interruptions import Training
from programs import Programs
from tool_process import ToolProcess

from mmmux.datasets.drawn_shapes import draw_data_set

REPOSITORY = Path(__file__).resolve().parents[2]
LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')


@pytest.fixture(scope='session')
def data(tmp_path_factory):
    """Eight drawn pictures to train on and four to test on."""
    return draw_data_set(tmp_path_factory.mktemp('data'), train=8, test=4, size=96)


@pytest.fixture(scope='session')
def config():
    return REPOSITORY / 'configs/ssdlite/ssdlite_muxnet-m_1xb16-25e_shapes-160.py'


@pytest.fixture(scope='session')
def in_this_process():
    """--cfg-options to load data in the process that trains or tests."""
    return [f'{loader}.{key}' for loader in LOADERS for key in ('num_workers=0', 'persistent_workers=False')]


@pytest.fixture(scope='session')
def options(data, in_this_process):
    """--cfg-options for one epoch of two iterations."""
    return ['--cfg-options', *(f'{loader}.dataset.data_root={data}' for loader in LOADERS), *in_this_process,
            'train_dataloader.batch_size=4', 'train_cfg.max_epochs=1']


@pytest.fixture(scope='session')
def program():
    """Run a Python program as a user does, in its own process, and return the finished process."""
    env = dict(os.environ, PYTHONPATH=str(REPOSITORY), OMP_NUM_THREADS='1', MKL_NUM_THREADS='1', CUDA_VISIBLE_DEVICES='')

    def run(*args, cwd: Path, status: int = 0) -> subprocess.CompletedProcess:
        done = subprocess.run([sys.executable, *map(str, args)], env=env, cwd=cwd, capture_output=True, text=True, timeout=600)
        assert done.returncode == status, done.stdout[-2000:] + done.stderr[-4000:]
        return done

    return run


@pytest.fixture
def forked_program(tmp_path):
    """Run a Python program in a forked process, where all packages are imported already, and return the printed text."""
    def run(path: Path, *args, cwd: Path) -> str:
        output = tmp_path / 'printed.txt'
        ToolProcess(path, *args, environment=dict(CUDA_VISIBLE_DEVICES=''), output=output, cwd=cwd).finish()
        return output.read_text()

    return run


@pytest.fixture
def start(tmp_path):
    """Start Python programs without waiting for them; the fixture ends them."""
    programs = Programs(tmp_path)
    yield programs
    programs.end()


@pytest.fixture
def two_processes(program):
    """Run a Python program in two processes on the CPU."""
    port = free_port()

    def run(*args, cwd: Path) -> subprocess.CompletedProcess:
        return program('-m', 'torch.distributed.run', '--nproc_per_node', 2, '--master_addr', '127.0.0.1',
                       '--master_port', port, *args, cwd=cwd)

    return run


@pytest.fixture
def tool(monkeypatch):
    """Run a program below tools/ in this process, which is faster than starting another."""
    def run(name: str, *args) -> None:
        _run_here(monkeypatch, name, *args)

    forget_runs()
    yield run
    forget_runs()


@pytest.fixture(scope='session')
def tool_in():
    """Run a program below tools/ in a folder, for fixtures that several tests share."""
    def run(folder: Path, name: str, *args) -> None:
        forget_runs()
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(folder)
            _run_here(patch, name, *args)
        forget_runs()

    return run


def _run_here(patch: pytest.MonkeyPatch, name: str, *args) -> None:
    patch.setenv('LOCAL_RANK', '0')  # the tools set this variable; the patch resets it
    patch.setattr(sys, 'argv', [name, *map(str, args)])
    runpy.run_path(str(REPOSITORY / 'tools' / name), run_name='__main__')


@pytest.fixture
def fails(tool, capsys):
    """Run a tool that must end with status 2, and return its last line, the error."""
    def run(*args) -> str:
        with pytest.raises(SystemExit) as ended:
            tool(*args)
        out, err = capsys.readouterr()
        assert ended.value.code == 2 and 'Traceback' not in out + err
        *_, last = err.splitlines()
        assert last.startswith('error: ')
        return last

    return run


@pytest.fixture(scope='session')
def left_alone(tmp_path_factory):
    """Run a training of `small_trainings` without interruption, once for all tests that compare others with it."""
    @cache
    def train(kind: str, *options: str) -> Training:
        folder = tmp_path_factory.mktemp('alone')
        config = getattr(small_trainings, kind)(folder)
        training = Training(folder / 'alone', config, ['--cfg-options', *options] if options else [])
        training.run()
        return training

    return train


@pytest.fixture(scope='session')
def trained(program, config, options, tmp_path_factory):
    """The work dir of one epoch with tools/train.py."""
    folder = tmp_path_factory.mktemp('trained')
    program(REPOSITORY / 'tools/train.py', config, '--work-dir', folder / 'work', *options, cwd=folder)
    return folder / 'work'
