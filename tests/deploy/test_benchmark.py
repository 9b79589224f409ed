import json
import runpy
import sys
from pathlib import Path

import pytest

from mmmux.deploy.benchmark import Entry, rows_of

REPOSITORY = Path(__file__).resolve().parents[2]


def test_a_row_has_its_entry_and_its_times():
    first, second = rows_of({Entry('a', 'eager'): [0.010, 0.010], Entry('b', 'onnx', 'plain'): [0.004, 0.004]})
    assert (first['config'], first['runtime'], first['form'], first['ratio']) == ('a', 'eager', 'exact', 1)
    assert (second['config'], second['runtime'], second['form'], second['ratio']) == ('b', 'onnx', 'plain', 0.4)


@pytest.mark.nightly
def test_the_tool(tmp_path, monkeypatch, capsys):
    pytest.importorskip('mmdet')
    configs = [str(REPOSITORY / f'configs/ssdlite/ssdlite_{name}_1xb8-40e_bccd-320.py') for name in ('mobilenetv2', 'muxnet-m')]
    out = tmp_path / 'times.json'
    monkeypatch.setattr(sys, 'argv', ['benchmark.py', *configs, '--forms', 'exact', '--shape', '64', '64', '--rounds', '3',
                                      '--threads', '1', '--out', str(out)])
    runpy.run_path(str(REPOSITORY / 'tools/analysis_tools/benchmark.py'), run_name='__main__')
    result = json.loads(out.read_text())
    assert [(row['config'], row['form']) for row in result['rows']] == [(Path(config).name, 'exact') for config in configs]
    assert result['rows'][0]['ratio'] == 1 and all(row['median_ms'] > 0 and row['peak_mib'] >= 0 for row in result['rows'])
    assert result['shape'] == [64, 64] and Path(configs[1]).name in capsys.readouterr().out
