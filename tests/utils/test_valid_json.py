import ast
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.fileio import dump, register_handler
from mmengine.fileio.handlers import JsonHandler

from mmmux.engine.runner.json_logs import mmengine_writes_valid_json
from mmmux.utils.atomic_write import write_json
from mmmux.utils.valid_json import dumps

REPOSITORY = Path(__file__).resolve().parents[2]
NAN, INFINITY = float('nan'), float('inf')
VALUES = [
    (NAN, None), (INFINITY, None), (-INFINITY, None), (np.float64('nan'), None), (np.float32('nan'), None), (1.5, 1.5), (3, 3),
    (True, True), (np.int64(3), 3), (torch.tensor(NAN), None), (np.array([1, NAN]), [1, None]), ('NaN', 'NaN'), (None, None),
    ((1, [NAN]), [1, [None]]), ({'a': {'b': NAN}, 'c': [{}]}, {'a': {'b': None}, 'c': [{}]}),
]


def strictly(text: str):
    """Read JSON as programs do that do not accept NaN."""
    def refuse(name: str):
        raise AssertionError(f'{name} is no JSON')
    return json.loads(text, parse_constant=refuse)


@pytest.mark.parametrize('value,expected', VALUES)
def test_what_is_no_number_is_null(value, expected, tmp_path):
    assert strictly(dumps(value)) == expected and type(strictly(dumps(value))) is type(expected)
    write_json(tmp_path / 'a.json', dict(value=value))
    assert strictly((tmp_path / 'a.json').read_text()) == dict(value=expected)


@pytest.fixture
def mmengines_own():
    register_handler('json')(JsonHandler)
    yield
    register_handler('json')(JsonHandler)


def test_logs_of_mmengine(tmp_path, mmengines_own):
    from mmengine.visualization import LocalVisBackend
    scalars = dict(loss=math.nan, grad_norm=INFINITY, lr=0.1, step=3)
    for name in ('theirs', 'ours'):
        backend = LocalVisBackend(str(tmp_path / name))
        backend.add_scalars(dict(scalars), step=3)
        dump(dict(values=[NAN, np.float32(2), {1}]), tmp_path / name / 'test.json')
        mmengine_writes_valid_json()
    with pytest.raises(AssertionError, match='NaN'):
        strictly((tmp_path / 'theirs/scalars.json').read_text())
    assert strictly((tmp_path / 'ours/scalars.json').read_text()) == dict(loss=None, grad_norm=None, lr=0.1, step=3)
    assert strictly((tmp_path / 'ours/test.json').read_text()) == dict(values=[None, 2, [1]])


def test_no_other_module_writes_json():
    own = REPOSITORY / 'mmmux/utils/valid_json.py'
    writing = [f'{path.relative_to(REPOSITORY)}:{node.lineno}' for folder in ('mmmux', 'tools', 'demo')
               for path in (REPOSITORY / folder).rglob('*.py') if path != own for node in ast.walk(ast.parse(path.read_text()))
               if isinstance(node, ast.Attribute) and ast.unparse(node) in ('json.dump', 'json.dumps')]
    assert writing == []
