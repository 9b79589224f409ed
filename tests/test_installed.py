"""What is said of packages that must not be beside each other."""
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize('beside,words', [
    ({}, []),
    # In either environment of the tests one of each pair is real.
    ({'mmengine': '0.10.7', 'onedl-mmengine': '0.10.12'}, ['mmengine 0.10.7 and onedl-mmengine 0.10.12 are installed beside',
                                                           'pip uninstall -y mmengine onedl-mmengine,', 'README']),
    ({'onedl-mmpretrain': '1.3.6', 'mmpretrain': '1.2.0'}, ['mmpretrain 1.2.0 and onedl-mmpretrain 1.3.6 are']),
])
def test_two_families_get_a_sentence(tmp_path, beside, words):
    for name, version in beside.items():
        info = tmp_path / f'{name.replace("-", "_")}-{version}.dist-info'
        info.mkdir()
        (info / 'METADATA').write_text(f'Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n')
    env = dict(os.environ, PYTHONPATH=f'{tmp_path}{os.pathsep}{ROOT}', OMP_NUM_THREADS='1')
    done = subprocess.run([sys.executable, '-W', 'ignore', '-W', 'always::UserWarning:mmmux', '-c', 'import mmmux'], env=env,
                          capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert all(word in done.stderr for word in words) and ('beside each other' in done.stderr) == bool(words)
