"""`python -m mmmux`, and the start-up hook that it writes for programs that do not import mmmux."""
import re
import runpy
import sys
from pathlib import Path

import pytest
import torch

from mmmux.utils import startup_hook
from mmmux.version import __version__


@pytest.fixture
def mmmux(monkeypatch, capsys):
    """Run `python -m mmmux` with arguments; return its output."""
    def run(*arguments, status: int = 0) -> str:
        monkeypatch.setattr(sys, 'argv', ['mmmux', *map(str, arguments)])
        monkeypatch.delitem(sys.modules, 'mmmux.__main__', raising=False)
        try:
            runpy.run_module('mmmux', run_name='__main__')
        except SystemExit as ended:
            assert (ended.code or 0) == status
        printed = capsys.readouterr()
        return printed.out + printed.err

    return run


def test_overview_tells_versions_family_devices_and_configs(mmmux):
    rows = dict(re.split(r':\s+', line, maxsplit=1) for line in mmmux().splitlines())
    assert rows['mmmux'].startswith(__version__) and torch.__version__.split('+')[0] in rows['torch']
    assert rows['family'] in ('OpenMMLab', 'OneDL')
    assert 'cpu' in rows['devices'] and 'mmengine' in rows['packages']
    assert (Path(rows['configs']) / 'ssdlite/ssdlite_muxnet-m_1xb16-25e_shapes-160.py').is_file()


def test_version(mmmux):
    assert mmmux('--version').split() == ['mmmux', __version__]


def test_every_tool_tells_its_version(configs, monkeypatch, capsys):
    for path in [path for folder in ('tools', 'tools/analysis_tools', 'tools/model_converters')
                 for path in (configs.parent / folder).glob('*.py') if 'run_moved_tool' not in path.read_text()]:
        monkeypatch.setattr(sys, 'argv', [path.name, '--version'])
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(str(path), run_name='__main__')
        assert not ended.value.code and capsys.readouterr().out.split() == ['mmmux', __version__], path


def test_hook_is_written_on_demand_only_and_removed(mmmux, tmp_path):
    names = [str(path) for path in startup_hook.files(tmp_path)]
    assert all(name in mmmux('startup-hook', '--folder', tmp_path) for name in names) and not list(tmp_path.iterdir())
    said = mmmux('startup-hook', '--write', '--folder', tmp_path)
    assert sorted(map(str, tmp_path.iterdir())) == sorted(names)
    assert all(word in said for word in (*names, '--remove'))
    assert all(name in mmmux('startup-hook', '--remove', '--folder', tmp_path) for name in names)
    assert not list(tmp_path.iterdir())
    assert names[0] in mmmux('startup-hook', '--remove', '--folder', tmp_path)  # again: nothing is there


def test_hook_needs_a_folder_that_can_be_written(mmmux, tmp_path):
    assert f'{tmp_path}/nowhere' in mmmux('startup-hook', '--write', '--folder', tmp_path / 'nowhere', status=2)


def test_python_starts_with_the_hook_and_nothing_is_imported(fresh_python, tmp_path):
    startup_hook.write(tmp_path)
    assert fresh_python(f'import site; site.addsitedir({str(tmp_path)!r})\n'
                        "import sys; print([name for name in sys.modules if name.startswith(('mm', 'torch', 'numpy'))])"
                        ) == "['mmmux_startup_finder']"
