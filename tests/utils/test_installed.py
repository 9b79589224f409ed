"""What is said of packages that are missing, that do not work together, or that must not be beside each other."""
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

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


def test_two_families_get_a_sentence(tmp_path):
    # In either environment of the tests one of each pair is real.
    for name, version in {'mmengine': '0.10.7', 'onedl-mmengine': '0.10.12', 'onedl-mmpretrain': '1.3.6',
                          'mmpretrain': '1.2.0'}.items():
        pretend_version(tmp_path, name, version)
    done = run_beside(tmp_path, *IMPORT)
    assert done.returncode == 0, done.stderr
    for words in ('mmengine 0.10.7 and onedl-mmengine 0.10.12', 'mmpretrain 1.2.0 and onedl-mmpretrain 1.3.6 are', 'README',
                  'pip uninstall -y mmengine onedl-mmengine mmpretrain onedl-mmpretrain,'):
        assert words in done.stderr


def test_a_torchvision_of_another_torch_gets_a_sentence(tmp_path):
    pretend_torchvision(tmp_path, '0.15.2+cu117')
    sentence = sentence_of(run_beside(tmp_path, *COMPLEXITY))
    assert f'torch {torch.__version__}' in sentence and 'operator torchvision::nms does not exist' in sentence
    assert str(tmp_path / 'torchvision') in sentence and 'pip uninstall torchvision' in sentence


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
    assert f'torch {of} goes with torchvision {fits},' in installed._install_torchvision(of)


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
    assert "default_scope is 'mmpretrain'" in sentence and 'torchvision' in sentence and 'pip install' in sentence


def test_numpy_2_beside_an_old_torch_gets_a_sentence_before_torch_is_imported(tmp_path):
    pretend_version(tmp_path, 'torch', '2.1.2')
    pretend_version(tmp_path, 'numpy', '2.2.6')
    pretend_absent(tmp_path, 'torch')
    sentence = sentence_of(run_beside(tmp_path, *IMPORT))
    assert 'torch 2.1.2' in sentence and 'numpy 2.2.6' in sentence and "pip install 'numpy<2'" in sentence


@pytest.mark.parametrize('torch_version,numpy_version,fit', [('2.1.2+cu121', '1.26.4', True), ('2.2.2', '2.0.0', False),
                                                             ('2.3.0', '2.2.6', True), ('2.14.1', '2.4.6', True)])
def test_which_torch_uses_which_numpy(monkeypatch, torch_version, numpy_version, fit):
    versions = dict(torch=torch_version, numpy=numpy_version)
    monkeypatch.setattr(installed, 'installed_versions', lambda *names: versions)
    if fit:
        installed._check_numpy()
    else:
        with pytest.raises(InstallationError, match=numpy_version):
            installed._check_numpy()


def test_without_mmcv_there_is_a_sentence(tmp_path):
    pretend_absent(tmp_path, 'mmcv')
    sentence = sentence_of(run_beside(tmp_path, *IMPORT))
    assert 'mmcv cannot be imported' in sentence and 'mmmux[classification]' in sentence
