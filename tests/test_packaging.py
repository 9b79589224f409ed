"""The package as it is installed, seen from outside the repository."""
import ast
import email
import os
import subprocess
import sys
from importlib.metadata import PathDistribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
PIP = [sys.executable, '-m', 'pip', '--disable-pip-version-check']
# A build in isolation would need a network. The tests run beside a setuptools that pyproject.toml allows.
OFFLINE = ['-q', '--no-deps', '--no-build-isolation']


def run(command, **options) -> str:
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, **options)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    return done.stdout


@pytest.fixture(scope='module')
def source(tmp_path_factory):
    """A copy of the repository as it is now, without what git ignores."""
    folder = tmp_path_factory.mktemp('source')
    for name in run(['git', 'ls-files', '-co', '--exclude-standard'], cwd=ROOT).splitlines():
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes((ROOT / name).read_bytes())
    return folder


@pytest.fixture(scope='module')
def installed(source, tmp_path_factory):
    target = tmp_path_factory.mktemp('installed')
    stale = source / 'build/lib/mmmux/gone.py'  # of an earlier build in the same folder
    stale.parent.mkdir(parents=True)
    stale.touch()
    run([*PIP, 'install', *OFFLINE, '--target', target, source])
    return target


@pytest.fixture(scope='module')
def metadata(installed):
    (folder, ) = installed.glob('mmmux-*.dist-info')
    return PathDistribution(folder).metadata


def asked(metadata: email.message.Message, *extras: str) -> dict[str, Requirement]:
    """Return the requirements of the package and some of its extras on this Python, by name."""
    requirements = map(Requirement, metadata.get_all('Requires-Dist'))
    return {line.name: line for line in requirements
            if line.marker is None or any(line.marker.evaluate(dict(extra=extra)) for extra in ('', *extras))}


def pins(name: str) -> dict[str, str]:
    """The versions that a file of constraints and those it includes pin on this Python, by name."""
    pinned = {}
    for line in (ROOT / 'requirements' / name).read_text().splitlines():
        line = line.partition('#')[0].strip()
        if line.startswith('-c '):
            pinned.update(pins(line.split()[1]))
        elif line and ((pin := Requirement(line)).marker is None or pin.marker.evaluate()):
            pinned[pin.name] = str(pin.specifier).removeprefix('==')
    return pinned


@pytest.mark.slow
def test_configs_are_inherited_from_elsewhere(installed, tmp_path):
    config = tmp_path / 'mine.py'
    config.write_text("_base_ = 'mmmux::ssdlite/ssdlite_muxnet-m_1xb32-200e_voc0712-320.py'\nmax_epochs = 3\n")
    code = f'import mmmux; from mmengine import Config; c = Config.fromfile({str(config)!r}); ' \
           'print(c.model.backbone.type, c.max_epochs, c.model.bbox_head.num_classes, mmmux.__file__)'
    output = run([sys.executable, '-c', code], cwd=tmp_path, env={'PYTHONPATH': str(installed), 'PATH': os.environ['PATH']})
    assert output.split()[:3] == ['mmmux.MUXNet', '3', '20'] and str(installed) in output


def test_all_modules_configs_and_tools_are_shipped_and_nothing_else(installed):
    def below(folder: Path) -> set[str]:
        return {str(path.relative_to(folder)) for path in folder.rglob('*') if path.is_file() and path.suffix != '.pyc'}

    def modules(folder: Path) -> set[str]:
        return {name for name in below(folder) if not name.startswith('.mim/')}

    shipped = installed / 'mmmux'
    assert modules(shipped) == modules(ROOT / 'mmmux')
    for folder in ('configs', 'tools'):
        assert below(shipped / '.mim' / folder) == below(ROOT / folder)
    assert (shipped / '.mim/tools/train.py').read_text() == (ROOT / 'tools/train.py').read_text()
    assert (shipped / '.mim/model-index.yml').read_text() == (ROOT / 'model-index.yml').read_text()


def test_an_editable_install_sees_an_edit_of_a_config(source, tmp_path):
    run([*PIP, 'install', *OFFLINE, '--target', tmp_path, '--editable', source])
    config = next((source / 'configs').rglob('*.py'))
    config.write_text('edited = True\n')
    assert (source / 'mmmux/.mim' / config.relative_to(source)).read_text() == 'edited = True\n'
    assert (source / 'mmmux/.mim/model-index.yml').exists()


@pytest.mark.slow
def test_the_source_distribution_builds_a_wheel_that_has_the_configs(source, tmp_path):
    run([sys.executable, '-c', f'from setuptools import build_meta; build_meta.build_sdist({str(tmp_path)!r})'], cwd=source)
    (archive, ) = tmp_path.glob('mmmux-*.tar.gz')
    run([*PIP, 'install', *OFFLINE, '--target', tmp_path / 'installed', archive])
    shipped = tmp_path / 'installed/mmmux/.mim'
    assert (shipped / 'tools/train.py').exists() and (shipped / 'model-index.yml').exists()
    assert len(list(shipped.glob('configs/*/*.py'))) == len(list(ROOT.glob('configs/*/*.py')))


def test_the_wheel_tells_what_it_is(metadata):
    assert metadata['Author'] and metadata['License-Expression'] == 'Apache-2.0'
    assert any(url.startswith('Homepage, https://') for url in metadata.get_all('Project-URL'))
    assert {f'Programming Language :: Python :: 3.{minor}' for minor in (10, 11, 12)} <= set(metadata.get_all('Classifier'))
    description = metadata.get_payload() or metadata['Description']
    assert metadata['Description-Content-Type'] == 'text/markdown'
    assert description.startswith('# mmmux') and '@inproceedings{lu2020muxconv' in description
    # An index shows no file of the repository.
    assert '](docs/' not in description and '](configs/' not in description
    assert '[mmdetection](https://github.com/open-mmlab/mmdetection)' in description


def test_no_extra_brings_a_torchvision(metadata):
    assert 'torchvision' not in asked(metadata, *metadata.get_all('Provides-Extra'))


def test_the_search_declares_what_it_imports(metadata):
    imported = set()
    for path in (ROOT / 'mmmux/search').rglob('*.py'):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {name.name.split('.')[0] for name in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                imported.add(node.module.split('.')[0])
    distributions = {'scikit-learn' if name == 'sklearn' else name for name in imported - set(sys.stdlib_module_names)}
    assert {'moocore', 'threadpoolctl', 'pymoo', 'ray'} <= distributions
    assert distributions - {'mmmux', 'mmengine'} <= set(asked(metadata, 'search'))


@pytest.mark.parametrize('file,extras,some', [
    ('openmmlab.txt', ('openmmlab', 'deploy', 'search', 'labels', 'tiles'), {
        'mmcv', 'mmdet', 'mmsegmentation', 'mmpretrain', 'openvino', 'ray'}),
    ('onedl.txt', ('onedl', 'deploy', 'search', 'labels', 'tiles'), {
        'onedl-mmcv', 'onedl-mmdetection', 'onedl-mmpretrain', 'openvino', 'ray'}),
    ('openmmlab.txt', ('classification', ), {'mmengine', 'mmcv-lite', 'mmpretrain'}),
])
def test_what_an_extra_asks_for_is_what_the_tests_run_with(metadata, file, extras, some):
    requirements, pinned = asked(metadata, *extras), pins(file)
    # setuptools has a range in both places; mmcv-lite is mmcv without its operators, of the same version.
    pinned = {**pinned, 'mmcv-lite': pinned.get('mmcv')}
    assert some | {'torch', 'numpy', 'matplotlib', 'torchmetrics'} <= set(requirements)
    assert [str(line) for name, line in requirements.items()
            if name != 'setuptools' and (name not in pinned or pinned[name] not in line.specifier)] == []
