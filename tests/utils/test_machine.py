import json
import platform
from importlib.metadata import version

import torch

from mmmux.utils.machine import describe_machine


def test_names_versions_and_threads(monkeypatch):
    monkeypatch.setattr('sys.argv', ['/somewhere/benchmarks/backbones.py', '--size', '224', '--out', '/home/me/a.json',
                                     'data_root=/data/b', 'work_dirs/c'])
    machine = json.loads(json.dumps(describe_machine()))
    assert machine['versions']['torch'] == version('torch') and machine['python'] == platform.python_version()
    assert machine['threads'] == torch.get_num_threads() and machine['cores'] >= 1 and machine['processor']
    # The command as typed, but for the machine's own folders, which mean nothing to a reader elsewhere.
    assert machine['command'] == 'backbones.py --size 224 --out a.json data_root=b work_dirs/c'
