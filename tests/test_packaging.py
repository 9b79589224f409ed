"""The package as it is installed, seen from outside the repository."""
import subprocess
import sys
from importlib.metadata import PathDistribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / 'requirements'))
import stacks  # noqa: E402


@pytest.fixture(scope='module')
def installed(tmp_path_factory):
    source, target = tmp_path_factory.mktemp('source'), tmp_path_factory.mktemp('installed')
    files = subprocess.check_output(['git', 'ls-files', '-co', '--exclude-standard'], cwd=ROOT, text=True).splitlines()
    for name in files:
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    subprocess.run([sys.executable, '-m', 'pip', 'install', '-q', '--no-deps', '--no-build-isolation', '--target', str(target),
                    str(source)], check=True, capture_output=True)
    return target


@pytest.mark.slow
def test_configs_are_inherited_from_elsewhere(installed, tmp_path):
    config = tmp_path / 'mine.py'
    config.write_text("_base_ = 'mmmux::ssdlite/ssdlite_muxnet-m_1xb32-200e_voc0712-320.py'\nmax_epochs = 3\n")
    code = f'import mmmux; from mmengine import Config; c = Config.fromfile({str(config)!r}); ' \
           'print(c.model.backbone.type, c.max_epochs, c.model.bbox_head.num_classes, mmmux.__file__)'
    output = subprocess.check_output([sys.executable, '-c', code], cwd=tmp_path, text=True, env={'PYTHONPATH': str(installed)})
    assert output.split()[:3] == ['mmmux.MUXNet', '3', '20'] and str(installed) in output


def test_tools_are_shipped(installed):
    assert (installed / 'mmmux/.mim/tools/train.py').read_text() == (ROOT / 'tools/train.py').read_text()


@pytest.mark.parametrize('extra,stack,some', [
    ('openmmlab', 'openmmlab', {'torch', 'mmengine', 'matplotlib'}),
    ('onedl', 'onedl', {'torch', 'onedl-mmengine', 'matplotlib'}),
    ('classification', 'classification', {'torch', 'mmengine', 'matplotlib'}),
    ('search', 'openmmlab', {'torch', 'pymoo', 'ray'}),
    ('search', 'classification', {'torch', 'pymoo', 'ray'}),
])
def test_what_an_extra_asks_for_is_what_the_tests_run_with(installed, extra, stack, some):
    (metadata, ) = installed.glob('mmmux-*.dist-info')
    asked = [line for line in map(Requirement, PathDistribution(metadata).requires)
             if line.name != 'setuptools' and (line.marker is None or line.marker.evaluate(dict(extra=extra)))]
    lines = [line.partition('#')[0].strip() for path in stacks.STACKS[stack].requirements
             for line in path.read_text().splitlines()]
    pinned = {pin.name: str(pin.specifier).removeprefix('==') for pin in map(Requirement, filter(None, lines))
              if pin.marker is None or pin.marker.evaluate()}
    assert some < {line.name for line in asked}
    assert [str(line) for line in asked if line.name not in pinned or pinned[line.name] not in line.specifier] == []
