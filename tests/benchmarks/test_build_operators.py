"""The compilation of mmcv for a GPU, up to the compiler."""
import sys
import tarfile
from importlib.metadata import version
from pathlib import Path

import build_operators
import pytest


@pytest.fixture
def steps(tmp_path, monkeypatch):
    """Return the commands that run and their environments: the download copies mmcv from the given folder, as pip does."""
    source = tmp_path / 'mmcv-2.1.0'
    source.mkdir()
    (source / 'setup.py').write_text("extra_compile_args['cxx'] = ['-Wall', '-std=c++17']\n")
    wheels = tmp_path / 'wheels'
    wheels.mkdir()
    with tarfile.open(wheels / 'mmcv-2.1.0.tar.gz', 'w:gz') as archive:
        archive.add(source, source.name)
    done = []

    def step(self, what, *command, env=None):
        done.append(([str(word) for word in command], env or self.environment))
        if 'download' in done[-1][0]:
            folder = Path(command[command.index('--dest') + 1])
            folder.mkdir(parents=True)
            (folder / 'mmcv-2.1.0.tar.gz').write_bytes((wheels / 'mmcv-2.1.0.tar.gz').read_bytes())

    monkeypatch.setattr(build_operators.Setup, 'step', step)
    monkeypatch.setenv('PATH', '/usr/bin')
    monkeypatch.setenv('PYTHONPATH', 'given')
    monkeypatch.setattr(sys, 'argv', ['build_operators.py', '--target', str(tmp_path / 'target'), '--arch', '8.6', '--venv',
                                      str(tmp_path / 'build'), '--wheels', str(wheels)])
    build_operators.main()
    return done


def test_it_compiles_for_the_gpu_into_the_folder_and_nowhere_else(steps, tmp_path):
    (download, offline), (install, environment) = steps
    assert download[0] == install[0] == sys.executable and offline['PIP_NO_INDEX'] == '1'
    assert {'FORCE_CUDA': '1', 'TORCH_CUDA_ARCH_LIST': '8.6', 'MMCV_WITH_OPS': '1', 'PIP_NO_INDEX': '1',
            'PIP_TARGET': str(tmp_path / 'target'), 'PYTHONPATH': 'given'}.items() <= environment.items()
    assert '--no-build-isolation' in install and '--no-deps' in install
    assert str(Path(sys.executable).parent) in environment['PATH'].split(':')  # where ninja is


def test_the_sources_standard_of_cpp_is_torchs(steps, tmp_path):
    (script, ) = (tmp_path / 'build').rglob('source/setup.py')
    newer = tuple(map(int, version('torch').split('.')[:2])) >= (2, 14)
    assert ('-std=c++20' in script.read_text(), '-std=c++17' in script.read_text()) == (newer, not newer)
