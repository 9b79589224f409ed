"""Messages on packages that are missing, do not work together, or must not be installed beside each other."""
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from facts import assert_facts, find_line, raises

from mmmux.utils import installed
from mmmux.utils.errors import InstallationError

ROOT = Path(__file__).resolve().parents[2]
IMPORT = ('-c', 'import mmmux')
COMPLEXITY = ('tools/analysis_tools/get_complexity.py', 'configs/classification/muxnet-m_8xb96-450e_imagenet-224.py')


def run_beside(folder: Path, *command: str) -> subprocess.CompletedProcess:
    """Run Python where the packages of a folder hide the installed ones."""
    env = dict(os.environ, PYTHONPATH=f'{folder}{os.pathsep}{ROOT}', OMP_NUM_THREADS='1')
    return subprocess.run([sys.executable, '-W', 'ignore', '-W', 'always::UserWarning:mmmux', *command], env=env, cwd=ROOT,
                          capture_output=True, text=True, timeout=300)


def sentence_of(done: subprocess.CompletedProcess) -> str:
    """The one line that a program ended with."""
    (line, ) = done.stderr.splitlines()
    assert done.returncode == 2 and line.startswith('error: '), done.stderr
    return line


def pretend_version(folder: Path, name: str, version: str) -> None:
    """Have a distribution look as if it were installed in a version."""
    info = folder / f'{name.replace("-", "_")}-{version}.dist-info'
    info.mkdir()
    (info / 'METADATA').write_text(f'Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n')


def pretend_absent(folder: Path, *modules: str) -> None:
    """Have modules look as if they were not installed."""
    (folder / 'sitecustomize.py').write_text(f'import sys\nsys.modules.update(dict.fromkeys({modules}))\n')


def pretend_torchvision(folder: Path, version: str) -> None:
    """A torchvision that fails when it is imported, as the one of another torch does."""
    package = folder / 'torchvision'
    package.mkdir()
    (package / '__init__.py').write_text("raise RuntimeError('operator torchvision::nms does not exist')\n")
    (package / 'version.py').write_text(f"__version__ = '{version}'\ngit_version = '0'\n")


@pytest.mark.slow
def test_two_families_get_a_sentence(tmp_path):
    # In either environment of the tests one of each pair is real.
    for name, version in {'mmengine': '0.10.7', 'onedl-mmengine': '0.10.12', 'onedl-mmpretrain': '1.3.6',
                          'mmpretrain': '1.2.0'}.items():
        pretend_version(tmp_path, name, version)
    done = run_beside(tmp_path, *IMPORT)
    assert done.returncode == 0, done.stderr
    find_line(done.stderr, 'mmengine 0.10.7', 'onedl-mmengine 0.10.12', 'mmpretrain 1.2.0', 'onedl-mmpretrain 1.3.6', 'README',
              'pip uninstall -y mmengine onedl-mmengine mmpretrain onedl-mmpretrain')


@pytest.mark.slow
def test_a_torchvision_of_another_torch_gets_a_sentence(tmp_path):
    pretend_torchvision(tmp_path, '0.15.2+cu117')
    assert_facts(sentence_of(run_beside(tmp_path, *COMPLEXITY)), f'torch {torch.__version__}', 'torchvision 0.15.2+cu117',
                 tmp_path / 'torchvision', 'operator torchvision::nms does not exist', 'pip uninstall torchvision')


@pytest.mark.slow
def test_a_torchvision_of_this_torch_is_not_imported_and_one_family_needs_no_sentence(tmp_path):
    _, minor, patch = torch.__version__.partition('+')[0].split('.')
    build = f"cu{torch.version.cuda.replace('.', '')}" if torch.version.cuda else 'cpu'
    pretend_torchvision(tmp_path, f'0.{int(minor) + 15}.{patch}+{build}')
    done = run_beside(tmp_path, *IMPORT)
    assert done.returncode == 0 and done.stderr == '', done.stderr


# As published: pytorch/vision, README, "torch / torchvision".
@pytest.mark.parametrize('of,fits', [('2.1.2+cu121', '0.16.2'), ('2.6.0', '0.21.0'), ('2.11.0', '0.26.0'),
                                     ('2.13.0+cpu', '0.28.0'), ('2.14.1', '0.29.1')])
def test_which_torchvision_goes_with_a_torch(of, fits):
    assert_facts(installed._install_torchvision(of), f'torch {of}', f'torchvision=={fits}')


@pytest.mark.slow
def test_without_torchvision_there_are_detectors_and_a_classifier_gets_a_sentence(tmp_path):
    pretend_absent(tmp_path, 'torchvision')
    tool, classifier = COMPLEXITY
    detector = 'configs/ssdlite/ssdlite_muxnet-m_1xb32-200e_voc0712-320.py'
    done = run_beside(tmp_path, '-c', f"""
import runpy, sys
for config in {detector!r}, {classifier!r}:
    sys.argv = [{tool!r}, config]
    runpy.run_path({tool!r}, run_name='__main__')
""")
    sentence = sentence_of(done)
    assert '3,168,704' in done.stdout, done.stdout  # the detector's parameters
    assert_facts(sentence, 'default_scope', "'mmpretrain'", 'torchvision', 'pip install')


def test_numpy_2_beside_an_old_torch_gets_a_sentence_before_torch_is_imported(tmp_path):
    pretend_version(tmp_path, 'torch', '2.1.2')
    pretend_version(tmp_path, 'numpy', '2.2.6')
    pretend_absent(tmp_path, 'torch')
    assert_facts(sentence_of(run_beside(tmp_path, *IMPORT)), 'torch 2.1.2', 'numpy 2.2.6', "pip install 'numpy<2'")


@pytest.mark.parametrize('torch_version,numpy_version,fit', [('2.1.2+cu121', '1.26.4', True), ('2.2.2', '2.0.0', False),
                                                             ('2.3.0', '2.2.6', True), ('2.14.1', '2.4.6', True)])
def test_which_torch_uses_which_numpy(monkeypatch, torch_version, numpy_version, fit):
    versions = dict(torch=torch_version, numpy=numpy_version)
    monkeypatch.setattr(installed, 'installed_versions', lambda *names: versions)
    if fit:
        installed._check_numpy()
    else:
        with raises(InstallationError, f'torch {torch_version}', f'numpy {numpy_version}'):
            installed._check_numpy()


def test_without_mmcv_there_is_a_sentence(tmp_path):
    pretend_absent(tmp_path, 'mmcv')
    assert_facts(sentence_of(run_beside(tmp_path, *IMPORT)), 'mmcv', 'pip install', 'mmmux[openmmlab]', 'mmmux[classification]')
