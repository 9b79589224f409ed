import json
import runpy
import sys
from pathlib import Path

import pytest

from mmmux.deploy.benchmark import Entry, summarise
from mmmux.deploy.timing import timed

REPOSITORY = Path(__file__).resolve().parents[2]


def test_rows_run_in_turn():
    order = []
    steps = {Entry('a', 'eager'): lambda: order.append('a'), Entry('b', 'eager'): lambda: order.append('b')}
    seconds = timed(steps, 5)
    assert [len(times) for times in seconds.values()] == [5, 5]
    assert order == ['a', 'b'] * (len(order) // 2) and len(order) > 10


def test_medians_ratios_and_spread():
    first, second = summarise({Entry('a', 'eager'): [0.010, 0.010, 0.020, 0.010, 0.010],
                               Entry('b', 'onnx', 'plain'): [0.004, 0.005, 0.010, 0.006, 0.009]})
    assert (first['median_ms'], first['ratio'], first['conclusive']) == (10, 1, True)
    assert (second['median_ms'], second['quartiles_ms'], second['ratio']) == (6, [5, 9], 0.6)
    # In the round that was slow for both the ratio is as in the others.
    assert second['ratio_quartiles'] == [0.5, 0.6] and not second['conclusive']
    assert (second['config'], second['runtime'], second['form']) == ('b', 'onnx', 'plain')


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
